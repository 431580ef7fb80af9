"""The system calls that a decoder has no use for, refused by a seccomp filter: sockets, programs, other processes, mounts, rights.

A list of what is refused and not of what is allowed: what libav, Pillow and the C library call differs between their versions,
and files are Landlock's matter. Numbers are those of x86-64 and of 64-bit ARM.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_PR_SET_NO_NEW_PRIVS, _PR_GET_NO_NEW_PRIVS = 38, 39
_PR_CAPBSET_DROP, _MAX_CAPABILITY, _CAPABILITY_VERSION = 24, 64, 0x20080522
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050001  # refused calls fail with EPERM
_AT_NUMBER, _AT_MACHINE, _AT_FIRST_ARGUMENT = 0, 4, 16
#: From here on, x86-64 takes numbers for its 32-bit variant: the same calls under other numbers.
_X32 = 0x40000000

#: Name -> number on x86-64 and on 64-bit ARM; None where a machine does not have the call.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    # talking to anybody
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242),
    "bind": (49, 200), "listen": (50, 201), "sendto": (44, 206), "recvfrom": (45, 207), "sendmsg": (46, 211),
    "recvmsg": (47, 212), "sendmmsg": (307, 269), "recvmmsg": (299, 243), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "mq_open": (240, 180), "shmget": (29, 194),
    "shmat": (30, 196), "semget": (64, 190), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188),
    # programs and other processes, threads among them: decoding is told to use none
    "fork": (57, None), "vfork": (58, None), "clone": (56, 220), "clone3": (435, 435), "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272), "process_madvise": (440, 440),
    # files by other ways than opening them, and their rights, which Landlock leaves alone
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "chmod": (90, None), "fchmod": (91, 52),
    "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None), "lchown": (94, None), "fchown": (93, 55),
    "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36), "truncate": (76, 45),
    "mknod": (133, None), "mknodat": (259, 33), "fanotify_init": (300, 262),
    # mounts and namespaces
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    # the kernel itself
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224), "quotactl": (179, 60),
    "iopl": (172, None), "ioperm": (173, None), "settimeofday": (164, 170), "clock_settime": (227, 112),
}  # fmt: skip
#: Allowed for this process alone: abort() sends its signal so, and limits can be asked for.
_TGKILL, _PRLIMIT = (234, 131), (302, 261)
#: Machine -> its place in the pairs above, and its name in the kernel's audit numbers.
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def give_up_new_privileges() -> None:
    """Let no program that this process could start give it rights; without it a filter may not be set."""
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def give_up_capabilities() -> None:
    """Let root be an ordinary user with root's number, for good; for others nothing changes."""
    libc = ctypes.CDLL(None)
    for number in range(_MAX_CAPABILITY):
        libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    libc.capset(struct.pack("=Ii", _CAPABILITY_VERSION, 0), bytes(24))


def has_no_new_privileges() -> bool:
    """Return whether that holds."""
    return int(ctypes.CDLL(None).prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)) == 1


def deny_syscalls() -> bool:
    """Refuse the calls above to this process and its children; return whether the kernel took the filter."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    program = b"".join(_program(*machine))
    buffer = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    return int(ctypes.CDLL(None).prctl(_PR_SET_SECCOMP, _MODE_FILTER, head, 0, 0)) == 0


def _program(place: int, machine: int) -> list[bytes]:
    return [
        _step(_LOAD, _AT_MACHINE), _step(_JUMP_EQUAL, machine, 1, 0), _step(_RETURN, _KILL),
        _step(_LOAD, _AT_NUMBER), _step(_JUMP_AT_LEAST, _X32, 0, 1), _step(_RETURN, _REFUSE),
        *(step for pair in _REFUSED.values() if (number := pair[place]) is not None for step in _refusal(number)),
        *_for_itself(_TGKILL[place], os.getpid()), *_for_itself(_PRLIMIT[place], 0),
        _step(_RETURN, _ALLOW),
    ]  # fmt: skip


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refusal(number: int) -> list[bytes]:
    return [_step(_JUMP_EQUAL, number, 0, 1), _step(_RETURN, _REFUSE)]


def _for_itself(number: int, argument: int) -> list[bytes]:
    """Refuse a call unless its first argument is this one."""
    return [
        _step(_JUMP_EQUAL, number, 0, 4), _step(_LOAD, _AT_FIRST_ARGUMENT), _step(_JUMP_EQUAL, argument, 0, 1),
        _step(_RETURN, _ALLOW), _step(_RETURN, _REFUSE),
    ]  # fmt: skip
