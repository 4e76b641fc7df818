// libedit sets and asks everything through functions of variable arguments, which Swift cannot call.
#ifndef TEMPER_CEDITLINE_SHIM_H
#define TEMPER_CEDITLINE_SHIM_H
#include <histedit.h>

typedef char *(*editline_prompt)(EditLine *);
typedef int (*editline_read)(EditLine *, wchar_t *);
typedef unsigned char (*editline_command)(EditLine *, int);

static inline int editline_set_prompt(EditLine *el, editline_prompt prompt, char escape) {
  return el_set(el, EL_PROMPT_ESC, prompt, escape);
}
static inline int editline_set_editor(EditLine *el, const char *name) {
  return el_set(el, EL_EDITOR, name);
}
static inline int editline_set_read(EditLine *el, editline_read read) {
  return el_set(el, EL_GETCFN, read);
}
static inline int editline_set_client(EditLine *el, void *client) {
  return el_set(el, EL_CLIENTDATA, client);
}
static inline void *editline_client(EditLine *el) {
  void *client = NULL;
  el_get(el, EL_CLIENTDATA, &client);
  return client;
}
static inline int editline_add_command(
    EditLine *el, const char *name, const char *help, editline_command command) {
  return el_set(el, EL_ADDFN, name, help, command);
}
static inline int editline_bind(EditLine *el, const char *key, const char *command) {
  return el_set(el, EL_BIND, key, command, NULL);
}
static inline int editline_prepare_terminal(EditLine *el, int raw) {
  return el_set(el, EL_PREP_TERM, raw);
}
static inline int editline_refresh(EditLine *el) { return el_set(el, EL_REFRESH); }

static inline int editline_use_history(EditLine *el, History *h) {
  return el_set(el, EL_HIST, history, h);
}
static inline int editline_history_set_size(History *h, int size) {
  HistEvent event;
  return history(h, &event, H_SETSIZE, size);
}
static inline int editline_history_set_unique(History *h, int unique) {
  HistEvent event;
  return history(h, &event, H_SETUNIQUE, unique);
}
static inline int editline_history_enter(History *h, const char *line) {
  HistEvent event;
  return history(h, &event, H_ENTER, line);
}
#endif
