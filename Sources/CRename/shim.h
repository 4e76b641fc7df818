// glibc declares renameat2 only for _GNU_SOURCE, which Swift's Glibc module does not set.
#ifndef TEMPER_CRENAME_SHIM_H
#define TEMPER_CRENAME_SHIM_H
#if defined(__linux__)
extern int renameat2(
    int old_folder, const char *old_path, int new_folder, const char *new_path,
    unsigned int flags);
#endif
#endif
