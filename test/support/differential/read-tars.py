# Reads tars from standard input, each after its length (four bytes, little-endian), and says of each in one line of
# JSON what Python's tarfile and libarchive (bsdtar's reader) list: [type, name, link, size] of each member, or null for
# an archive that they refuse. Names are byte strings in latin-1. One process for all: a program each would take hours.

import ctypes, ctypes.util, io, json, locale, struct, sys, tarfile

locale.setlocale(locale.LC_ALL, "C.UTF-8")

TYPES = {
    tarfile.LNKTYPE: "hardlink",
    tarfile.SYMTYPE: "symlink",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
    tarfile.DIRTYPE: "directory",
    tarfile.FIFOTYPE: "fifo",
}


def text(name):
    return name.encode("utf-8", "surrogateescape").decode("latin-1")


def by_tarfile(data):
    out = []
    try:
        with tarfile.open(
            fileobj=io.BytesIO(data), mode="r:", encoding="utf-8", errors="surrogateescape"
        ) as tar:
            for member in tar:
                kind = TYPES.get(member.type, "file" if member.isfile() else "other")
                link = member.linkname if kind in ("hardlink", "symlink") else ""
                size = member.size if kind == "file" else 0
                out.append([kind, text(member.name), text(link), size])
        return out
    except tarfile.TarError:
        return None
    except Exception:
        # What it was not made for: overflows, bad numbers. It reads nothing either way.
        return None


def libarchive():
    name = ctypes.util.find_library("archive")
    if name is None:
        return None
    lib = ctypes.CDLL(name)
    pointer, size, integer, string = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p
    for function, result, arguments in (
        ("archive_read_new", pointer, []),
        ("archive_read_support_format_tar", integer, [pointer]),
        ("archive_read_open_memory", integer, [pointer, ctypes.c_char_p, size]),
        ("archive_read_next_header", integer, [pointer, ctypes.POINTER(pointer)]),
        ("archive_read_data_skip", integer, [pointer]),
        ("archive_read_free", integer, [pointer]),
        ("archive_entry_pathname", string, [pointer]),
        ("archive_entry_hardlink", string, [pointer]),
        ("archive_entry_symlink", string, [pointer]),
        ("archive_entry_filetype", ctypes.c_uint, [pointer]),
        ("archive_entry_size", ctypes.c_int64, [pointer]),
    ):
        f = getattr(lib, function)
        f.restype, f.argtypes = result, arguments
    return lib


LIBARCHIVE = libarchive()
MODES = {
    0o100000: "file",
    0o120000: "symlink",
    0o020000: "char",
    0o060000: "block",
    0o040000: "directory",
    0o010000: "fifo",
}
EOF, WARN = 1, -20


def by_libarchive(data):
    lib = LIBARCHIVE
    archive = lib.archive_read_new()
    try:
        lib.archive_read_support_format_tar(archive)
        if lib.archive_read_open_memory(archive, data, len(data)) != 0:
            return None
        entry = ctypes.c_void_p()
        out = []
        while True:
            result = lib.archive_read_next_header(archive, ctypes.byref(entry))
            if result == EOF:
                return out
            if result < WARN:
                return None
            hardlink = lib.archive_entry_hardlink(entry)
            if hardlink is not None:
                kind, link, size = "hardlink", hardlink, 0
            else:
                kind = MODES.get(lib.archive_entry_filetype(entry), "other")
                link = (lib.archive_entry_symlink(entry) or b"") if kind == "symlink" else b""
                size = lib.archive_entry_size(entry) if kind == "file" else 0
            name = lib.archive_entry_pathname(entry) or b""
            out.append([kind, name.decode("latin-1"), link.decode("latin-1"), size])
            if lib.archive_read_data_skip(archive) < WARN:
                return None
    finally:
        lib.archive_read_free(archive)


source, sink = sys.stdin.buffer, sys.stdout
while True:
    head = source.read(4)
    if len(head) < 4:
        break
    data = source.read(struct.unpack("<I", head)[0])
    answer = {"tarfile": by_tarfile(data)}
    if LIBARCHIVE is not None:
        answer["libarchive"] = by_libarchive(data)
    sink.write(json.dumps(answer) + "\n")
sink.flush()
