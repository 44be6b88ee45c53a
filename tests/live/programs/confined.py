"""Runs a program as one that may do nothing: uid 65534, no capability, none to be had, no /dev/net/tun, and a filter
that refuses bpf and io_uring. Needs root, to give it up.

    confined.py PROGRAM ARGUMENTS..."""

import ctypes
import os
import platform
import struct
import sys

NOBODY = 65534
_CLONE_NEWNS, _MS_REC, _MS_PRIVATE = 0x20000, 0x4000, 1 << 18
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 24, 38, 22, 2
_IO_URING = (425, 426, 427)  # The same everywhere.
_BPF = {"x86_64": 321, "aarch64": 280}
# BPF: load the system call's number, compare and jump, return.
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _REFUSE_WITH_EPERM = 0x7FFF0000, 0x00050001

libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def hide_devices():
    """An empty /dev/net, for this process and its children alone."""
    check(libc.unshare(_CLONE_NEWNS), "unshare")
    check(libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None), "mount --make-rprivate /")
    if os.path.isdir("/dev/net"):
        check(libc.mount(b"none", b"/dev/net", b"tmpfs", 0, None), "mount tmpfs over /dev/net")


def become_nobody():
    for capability in range(64):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")


def forbid_system_calls():
    forbidden = (*_IO_URING, _BPF[platform.machine()])
    code = struct.pack("=HBBI", _LOAD, 0, 0, 0)
    for at, number in enumerate(forbidden):
        code += struct.pack("=HBBI", _JUMP_IF_EQUAL, len(forbidden) - at, 0, number)
    code += struct.pack("=HBBI", _RETURN, 0, 0, _ALLOW) + struct.pack("=HBBI", _RETURN, 0, 0, _REFUSE_WITH_EPERM)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    check(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0), "PR_SET_SECCOMP")


if __name__ == "__main__":
    hide_devices()
    become_nobody()
    forbid_system_calls()
    os.execv(sys.argv[1], sys.argv[1:])
