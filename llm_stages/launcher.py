"""The small process between us and a program: sets limits and Landlock on itself, then becomes it.

Run as `python -I -S launcher.py '{"argv": [...], ...}'`. It exists because doing this between fork
and exec of a threaded Python process can deadlock. It imports the standard library only.

References:
    Landlock: https://docs.kernel.org/userspace-api/landlock.html
    Seccomp filters: https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
from dataclasses import dataclass, field

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # same numbers on all architectures
_RULE_PATH_BENEATH = 1
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38

# Access rights of the file system, by the ABI that introduced them.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_ALL_V1 = (1 << 13) - 1
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_NET_BIND, _NET_CONNECT = 1 << 0, 1 << 1
_SCOPE_ABSTRACT_UNIX, _SCOPE_SIGNAL = 1 << 0, 1 << 1

# What Landlock does not cover: sockets of any kind, signals to others, and leaving the process
# group, by which everything is ended. By machine: the kernel's name of it, then the numbers of
# socket, setsid, setpgid, kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo,
# pidfd_send_signal, ptrace, process_vm_writev, unshare, setns, mount, bpf, keyctl, io_uring_setup
# (which can open sockets).
_REFUSED_CALLS = {
    "x86_64": (
        0xC000003E,
        (41, 112, 109, 62, 200, 234, 129, 297, 424, 101, 311, 272, 308, 165, 321, 250, 425),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 157, 154, 129, 130, 131, 138, 240, 424, 117, 271, 97, 268, 40, 280, 219, 425),
    ),
}
_BPF_LOAD, _BPF_JUMP_EQUAL, _BPF_JUMP_AT_LEAST, _BPF_RETURN = 0x20, 0x15, 0x35, 0x06
_SECCOMP_ALLOW, _SECCOMP_EPERM, _SECCOMP_KILL = 0x7FFF0000, 0x00050001, 0x80000000
_SECCOMP_MODE_FILTER = 2
_X32_CALLS = 0x40000000  # the same calls under other numbers

# Bubblewrap's own, which may be this user's by the time the program runs.
_PROCESSES_OF_OURS = 2

#: Exit code when the launcher could not set up what it was told to; nothing was run.
SETUP_FAILED = 125


@dataclass
class Order:
    """What to run and under which limits.

    Attributes:
        argv: Program and arguments.
        dies_with_parent: Have the kernel kill it when the calling thread ends.
        limits: `llm_stages.sandbox.Limits` as a dictionary; None for no limits.
        counts_others: The program stays this user, so processes that the user runs already count.
        readable: With Landlock, the paths that may be read and executed.
        writable: With Landlock, the paths that may be read and written; empty for no Landlock.
        executable: With Landlock, `writable` may be executed from as well.
    """

    argv: list[str]
    dies_with_parent: bool = False
    limits: dict[str, int] | None = None
    counts_others: bool = True
    readable: list[str] = field(default_factory=list)
    writable: list[str] = field(default_factory=list)
    executable: bool = False


class _RulesetAttr(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _syscall(number: int, *arguments: object) -> int:
    """Call the kernel; integers go as machine words, as a variadic C function needs them."""
    words = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    call = _libc().syscall
    call.restype = ctypes.c_long
    return int(call(ctypes.c_long(number), *words))


def landlock_abi() -> int:
    """The Landlock ABI of the running kernel; 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, _syscall(_CREATE_RULESET, None, 0, 1))


def can_confine() -> bool:
    """Whether this machine has all that confinement without bubblewrap needs."""
    return landlock_abi() >= 1 and platform.machine() in _REFUSED_CALLS


def restrict_files(readable: list[str], writable: list[str], *, executable: bool = False) -> None:
    """Confine this process to the given paths and take its TCP away, for good.

    Raises:
        OSError: The kernel refused; the process is then not confined and must not go on.
    """
    abi = landlock_abi()
    if abi < 1:
        raise OSError("this kernel has no Landlock")
    everything = _ALL_V1
    everything |= _REFER if abi >= 2 else 0
    everything |= _TRUNCATE if abi >= 3 else 0
    everything |= _IOCTL_DEV if abi >= 5 else 0
    ruleset = _RulesetAttr(
        everything,
        _NET_BIND | _NET_CONNECT if abi >= 4 else 0,
        _SCOPE_ABSTRACT_UNIX | _SCOPE_SIGNAL if abi >= 6 else 0,
    )
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    handle = _checked(_syscall(_CREATE_RULESET, ctypes.byref(ruleset), size, 0))
    grants = [(path, _EXECUTE | _READ_FILE | _READ_DIR) for path in readable]
    grants += [(path, everything & ~(0 if executable else _EXECUTE)) for path in writable]
    for path, access in grants:
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        if not os.path.isdir(path):
            access &= _EXECUTE | _READ_FILE | _WRITE_FILE | (_TRUNCATE if abi >= 3 else 0)
        rule = _PathBeneathAttr(access, opened)
        _checked(_syscall(_ADD_RULE, handle, _RULE_PATH_BENEATH, ctypes.byref(rule), 0))
        os.close(opened)
    _checked(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(_syscall(_RESTRICT_SELF, handle, 0))
    os.close(handle)


def restrict_calls() -> None:
    """Take sockets, signals and the way out of the process group from this process, for good.

    Raises:
        OSError: The kernel refused, or this kind of machine is not known.
    """
    known = _REFUSED_CALLS.get(platform.machine())
    if known is None:
        raise OSError(f"no filter of system calls is known for {platform.machine()}")
    architecture, numbers = known
    program = [
        (_BPF_LOAD, 0, 0, 4),  # the architecture, in struct seccomp_data
        (_BPF_JUMP_EQUAL, 1, 0, architecture),
        (_BPF_RETURN, 0, 0, _SECCOMP_KILL),
        (_BPF_LOAD, 0, 0, 0),  # the number of the call
        (_BPF_JUMP_AT_LEAST, len(numbers) + 1, 0, _X32_CALLS),
    ]
    for left, number in zip(range(len(numbers), 0, -1), numbers, strict=True):
        program.append((_BPF_JUMP_EQUAL, left, 0, number))
    program += [(_BPF_RETURN, 0, 0, _SECCOMP_ALLOW), (_BPF_RETURN, 0, 0, _SECCOMP_EPERM)]
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    held = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: the number of instructions, padding, and where they are.
    outline = struct.pack("HxxxxxxP", len(program), ctypes.addressof(held))
    _checked(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(_libc().prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, outline, 0, 0))


def limit_resources(limits: dict[str, int], *, counts_others: bool = True) -> None:
    """Set the limits of `llm_stages.sandbox.Limits` on this process and its children."""
    others = _own_processes() if counts_others else _PROCESSES_OF_OURS
    wanted = {
        resource.RLIMIT_CPU: limits["cpu_s"],
        resource.RLIMIT_AS: limits["memory_mib"] * 2**20,
        resource.RLIMIT_FSIZE: limits["file_mib"] * 2**20,
        resource.RLIMIT_NOFILE: limits["open_files"],
        resource.RLIMIT_NPROC: limits["processes"] + others,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(kind, (value, value))


def _own_processes() -> int:
    """Threads that the user runs now: the kernel counts all of them against RLIMIT_NPROC."""
    count, user = 0, os.getuid()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.stat(f"/proc/{entry}").st_uid == user:
                    count += len(os.listdir(f"/proc/{entry}/task"))
            except OSError:
                continue
    return count


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def main() -> None:
    """Set up what the order says and become the program."""
    order = Order(**json.loads(sys.argv[1]))
    for name in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec hands that on
        signal.signal(name, signal.SIG_DFL)
    try:
        if order.dies_with_parent:
            parent = os.getppid()
            _checked(_libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
            if os.getppid() != parent:
                sys.exit(SETUP_FAILED)
        if order.limits is not None:
            limit_resources(order.limits, counts_others=order.counts_others)
        if order.writable:
            restrict_files(order.readable, order.writable, executable=order.executable)
            restrict_calls()
        os.execv(order.argv[0], order.argv)
    except OSError as error:
        print(f"cannot start {order.argv[0]}: {error}", file=sys.stderr)
        sys.exit(SETUP_FAILED)


if __name__ == "__main__":
    main()
