#!/usr/bin/env python3
"""Compares Temper's verdict on damaged safetensors files with that of the `safetensors` package.

    python3 Tests/Fuzz/compare.py [FILES]        50,000 files if not given

Temper is to refuse whatever the package refuses. What it refuses besides has to be one of the reasons that the documentation of
SafetensorsHeader lists. Needs a Swift compiler and safetensors from PyPI (tried with 0.8).
"""

import collections
import glob
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import safetensors

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000

# Temper's reasons that the package does not know, and what in the header has to be so for the reason to hold.
LISTED = {
    "header expected": lambda h: h[:1] in b" \t\r\n" or b"null" in h,
    "header duplicateKey": lambda h: True,
    "header tooManyValues": lambda h: h.count(b":") > 1024,
    "padding": lambda h: any(c in h for c in b"\t\r\n"),
    "entry unknownField": lambda h: True,
    "entry a tensor needs a name": lambda h: b'""' in h,
    "entry the name has a control character": lambda h: True,
    "entry more than 8 dimensions": lambda h: True,
    "entry the shape is too large": lambda h: b"0" in h,
    "headerTooLong": lambda h: len(h) > 1 << 20,
    "checksumMetadata": lambda h: b"temper." in h or b"\\u" in h,
    "checksumMismatch": lambda h: b"temper." in h or b"\\u" in h,
}



def repeats_keys(header):
    """Whether an object has a key twice: the package only sees the last, whatever is wrong with the others."""
    found = []

    def note(pairs):
        if len({key for key, _ in pairs}) < len(pairs):
            found.append(True)
        return dict(pairs)

    try:
        json.loads(header, object_pairs_hook=note)
    except ValueError:
        return False
    return bool(found)


PIECES = [b.encode() for b in [
    '"', "{", "}", "[", "]", ",", ":", "0", "1", "9", "-", ".", "e", "\\u0000", "\\", "18446744073709551615",
    "9223372036854775807", "4294967296", "[[[[", '{"', "\u202e", "null", "true", "F4", "F6_E2M3", "BF16", '"shape":', '"dtype":',
    '"data_offsets":', '"__metadata__":{', '"__metadata__":null,', " ", "\n", "\t", "\ufeff", "\\u0061", "\\ud800", "1.0", "1e0", "-0",
    "00", '"x":1,', "\x7f", "\u200b",
]]


def sound():
    """Small files of every kind, ours with its checksum among them."""
    def file(header, data, pad=0):
        text = json.dumps(header, separators=(",", ":")).encode() + b" " * pad
        return struct.pack("<Q", len(text)) + text + data
    yield file({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}, bytes(24))
    yield file({"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
                "b": {"dtype": "BF16", "shape": [2, 0, 5], "data_offsets": [4, 4]},
                "c": {"dtype": "U8", "shape": [3], "data_offsets": [4, 7]},
                "__metadata__": {"format": "pt", "é": "中"}}, bytes(7), 5)
    yield file({}, b"")
    yield file({"a": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]},
                "b": {"dtype": "F6_E2M3", "shape": [4], "data_offsets": [2, 5]}}, bytes(5))
    for path in sorted(glob.glob(os.path.join(root, "Tests", "Fuzz", "corpus", "safetensors", "*"))):
        yield open(path, "rb").read()
    for path in sorted(glob.glob(os.path.join(root, "weights", "*", "model.safetensors")))[:1]:
        # The head of a real file: its length no longer fits, unless mended below.
        yield open(path, "rb").read(1500)


# What somebody may have written on purpose.
SWAPS = [(a.encode(), b.encode()) for a, b in [
    ('"shape":[', '"shape":[1,1,1,1,1,1,1,1,1,'), ('"shape":[', '"shape":[1,'), ('"shape":[2', '"shape":[0,9223372036854775807,9'),
    ('[0,24]', '[0,0]'), ('{"', ' {"'), ('{"', '\n{"'), ('}', ',"x":1}'), ('"a"', '""'), ('"a"', '"\\u001b"'), ('"a"', '"\u200b"'),
    ('"a"', '"b"'), ('"a"', '"\\u0062"'), ('"dtype"', '"dtype":"F32","dtype"'), ('"dtype"', '"other"'), (":", " : "), (",", "\n,"),
    ('"F32"', '"F64"'), ('"F32"', '"I32"'), ('"F32"', '"f32"'), ("[0,", "[0.0,"), ("[0,", "[-0,"), ("[0,", "[00,"), ("[0,", "[null,"),
    ('"format":"pt"', '"format":1'), ('{"format"', '{"format":"pt","format"'), ('"pt"', 'null'), ('{}', '{"__metadata__":null}'),
    ('"__metadata__":{', '"__metadata__":{"temper.checksum":"x",'), ('"__metadata__":{', '"__metadata__":{"temper.sha256":"00",'),
]] + [(b"}", b"}\t"), (b"}", b"}\n "), (b"}", b"}\0"), (b'"a"', b'"\xff"'), (b'"a"', b'"' + b"n" * 3000 + b'"')]


def mutated(seeds, random):
    data = bytearray(random.choice(seeds))
    if len(data) > 8 and random.random() < 0.5:
        length = struct.unpack("<Q", data[:8])[0]
        header, rest = bytes(data[8:8 + length]), data[8 + length:]
        for _ in range(random.randint(1, 2)):
            old, new = random.choice(SWAPS)
            places = header.count(old)
            if places:
                parts = header.split(old)
                cut = random.randint(1, places)
                header = old.join(parts[:cut]) + new + old.join(parts[cut:])
        data = bytearray(struct.pack("<Q", len(header)) + header + rest)
        if random.random() < 0.7:
            return bytes(data)
    end = 8 + (struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0)
    header = min(end, len(data))
    rest = len(data) - header
    for _ in range(random.randint(1, 4)):
        limit = header if random.random() < 0.8 else len(data)
        if limit == 0 or not data:
            break
        place = random.randrange(min(limit, len(data)))
        kind = random.randrange(6)
        if kind == 0:
            data[place] ^= 1 << random.randrange(8)
        elif kind == 1:
            data[place] = random.randrange(256)
        elif kind == 2:
            del data[place:place + random.randint(1, 9)]
        elif kind == 3 and random.random() < 0.2:
            del data[place:]
        elif kind == 4:
            other = random.randrange(min(limit, len(data)))
            data[place:place] = data[min(place, other):max(place, other)]
        else:
            data[place:place] = random.choice(PIECES)
    # Mostly the length fits again, so that the header's parser sees the damage.
    if random.random() < 0.8 and len(data) > 8:
        data[:8] = struct.pack("<Q", max(0, len(data) - 8 - rest))
    return bytes(data)


def theirs(data):
    try:
        safetensors.deserialize(data)
        return None
    except Exception as error:
        return str(error)


def main():
    program = os.path.join(tempfile.mkdtemp(), "verdict")
    sources = glob.glob(os.path.join(root, "Sources", "Safetensors", "**", "*.swift"), recursive=True)
    subprocess.run(
        ["swiftc", "-O", "-wmo", "-parse-as-library", "-swift-version", "6", "-package-name", "temper", "-module-name", "Verdict",
         "-I", os.path.join(root, "Sources", "CRename"), "-I", os.path.join(root, "Sources", "CSha256"),
         *sources, os.path.join(root, "Tests", "Fuzz", "Verdict.swift"), "-o", program], check=True)
    temper = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    seeds, chance = list(sound()), random.Random(20)
    tally, failures = collections.Counter(), 0
    for number in range(count):
        data = mutated(seeds, chance)
        temper.stdin.write(struct.pack("<Q", len(data)) + data)
        temper.stdin.flush()
        ours = temper.stdout.readline().decode().strip()
        other = theirs(data)
        if ours == "":
            sys.exit(f"file {number}: the program ended")
        if (ours == "ok") == (other is None):
            tally["both accept" if other is None else "both refuse"] += 1
            continue
        length = struct.unpack("<Q", data[:8])[0]
        if ours != "ok" and ours in LISTED and LISTED[ours](data[8:8 + length]):
            tally[f"only Temper refuses: {ours}"] += 1
            continue
        if ours != "ok" and repeats_keys(data[8:8 + length]):
            tally["only Temper refuses: what a repeated key hides"] += 1
            continue
        failures += 1
        if failures <= 20:
            print(f"file {number}: Temper: {ours}, safetensors: {other}\n    {data[:400]!r}")
    for name, number in sorted(tally.items()):
        print(f"{number:8}  {name}")
    print(f"{count} files, {failures} differences that are not listed")
    sys.exit(failures > 0)


main()
