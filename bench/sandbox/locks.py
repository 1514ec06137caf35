"""What shuts a process in on Linux: limits of resources, Landlock for files, and a seccomp filter for everything else.

This file is run by itself in the child (it imports nothing of bench), and only once in a process: nothing here can be
taken back.  The filter is a list of what is allowed.  Any other system call fails with EPERM, so that a program sees an
ordinary `PermissionError`; new processes and threads, sockets, signals to others and writing to files are not on it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys

NOT_LOCKED = 97

# name -> number on x86_64 and on aarch64 (None: it has none).
ALLOWED: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "stat": (4, None), "fstat": (5, 80), "lstat": (6, None),
    "poll": (7, None), "lseek": (8, 62), "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "ioctl": (16, 29),
    "pread64": (17, 67), "readv": (19, 65), "writev": (20, 66), "access": (21, None), "sched_yield": (24, 124),
    "mremap": (25, 216), "madvise": (28, 233), "dup": (32, 23), "nanosleep": (35, 101), "getpid": (39, 172),
    "exit": (60, 93), "uname": (63, 160), "fcntl": (72, 25), "getcwd": (79, 17), "readlink": (89, None),
    "gettimeofday": (96, 169), "getrusage": (98, 165), "sysinfo": (99, 179), "times": (100, 153), "getuid": (102, 174),
    "getgid": (104, 176), "geteuid": (107, 175), "getegid": (108, 177), "getppid": (110, 173),
    "sigaltstack": (131, 132), "gettid": (186, 178), "time": (201, None), "futex": (202, 98),
    "sched_getaffinity": (204, 123), "getdents64": (217, 61), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115), "exit_group": (231, 94), "newfstatat": (262, 79), "readlinkat": (267, 78),
    "faccessat": (269, 48), "ppoll": (271, 73), "set_robust_list": (273, 99), "getrandom": (318, 278),
    "statx": (332, 291), "rseq": (334, 293), "faccessat2": (439, 439),
}  # fmt: skip
# name -> numbers, and which argument holds the flags: allowed for reading alone.
OPENING: dict[str, tuple[tuple[int | None, int | None], int]] = {"open": ((2, None), 1), "openat": ((257, 56), 2)}
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | getattr(os, "O_TMPFILE", 0)

_LOAD, _EQUAL, _ANY_BIT, _RETURN, _AT_LEAST = 0x20, 0x15, 0x45, 0x06, 0x35
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # the second: errno 1, EPERM
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_CREATE_RULESET, _ADD_RULE, _RESTRICT = 444, 445, 446  # the same on both machines
_READ_FILE, _READ_DIR, _FILE_RIGHTS = 1 << 2, 1 << 3, (1 << 13) - 1


def program(machine: str) -> bytes:
    """The seccomp filter as the kernel takes it: an array of (code, jump if, jump if not, operand)."""
    column, architecture = ARCHITECTURES[machine]
    code = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    # Numbers of the x32 interface mean other calls of the same kernel.
    code += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _KILL)]
    for numbers, argument in OPENING.values():
        number = numbers[column]
        if number is not None:
            code += [
                (_EQUAL, 0, 4, number),
                (_LOAD, 0, 0, 16 + 8 * argument),
                (_ANY_BIT, 0, 1, _WRITING & 0xFFFFFFFF),
                (_RETURN, 0, 0, _REFUSE),
                (_RETURN, 0, 0, _ALLOW),
            ]
    for numbers in ALLOWED.values():
        number = numbers[column]
        if number is not None:
            code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    code.append((_RETURN, 0, 0, _REFUSE))
    return b"".join(struct.pack("HBBI", *line) for line in code)


def lock_in(seconds: int, memory: int) -> None:
    """Limit and shut this process, which may go on to read Python's own folders; it ends where that fails."""
    try:
        limit(seconds, memory)
        shut([path for path in {sys.prefix, sys.base_prefix, *sys.path[1:]} if os.path.isdir(path)])  # noqa: PTH112
    except OSError as error:
        sys.stderr.write(f"not locked in: {error}")
        os._exit(NOT_LOCKED)


def limit(seconds: int, memory: int) -> None:
    """Bounds on what the process uses: CPU seconds, bytes of memory, no files, no core dump, few descriptors."""
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        resource.setrlimit(what, (most, most))


def shut(readable: list[str]) -> None:
    """Lock the process in, for good.  readable: folders that it may read; all others are closed by Landlock.

    Raises `OSError` where the kernel refuses, and then nothing must be run.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "no_new_privs")
    _close_files(libc, readable)
    code = program(platform.machine())
    kept = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: a count, padding, a pointer.
    filter_ = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(kept))
    _call(libc.prctl(_SECCOMP, _FILTER, filter_, 0, 0), "seccomp")


def _close_files(libc: ctypes.CDLL, readable: list[str]) -> None:
    rights = struct.pack("Q", _FILE_RIGHTS)
    ruleset = libc.syscall(_CREATE_RULESET, rights, len(rights), 0)
    _call(ruleset, "landlock")
    for folder in readable:
        descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", _READ_FILE | _READ_DIR, descriptor)
        _call(libc.syscall(_ADD_RULE, ruleset, 1, rule, 0), "landlock rule")
        os.close(descriptor)
    _call(libc.syscall(_RESTRICT, ruleset, 0), "landlock restriction")
    os.close(ruleset)


def _call(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
