# SPDX-License-Identifier: MIT
"""The errors of each call according to its manual page, the most typical one first. See faultpoint.py.

A number is an error; ONE moves one byte, END means that there is nothing more to read."""
import errno
import os
from errno import (EACCES, EAGAIN, EBUSY, ECONNABORTED, ECONNREFUSED, ECONNRESET, EDQUOT, EINTR, EINVAL, EIO, EMFILE,
                   ENETUNREACH, ENFILE, ENOBUFS, ENOENT, ENOLCK, ENOMEM, ENOSPC, ENOSYS, ENOTCONN, ENOTTY, EPERM, EPIPE,
                   EROFS, ETIMEDOUT)
from socket import EAI_AGAIN, EAI_FAIL, EAI_MEMORY, EAI_NONAME, EAI_SYSTEM
from typing import NamedTuple

from crash.faultpoint import Action, Site

ALL = os.environ.get("AITHER_TEST_FAULTS") == "all"

ONE, END = "one byte", "end"
OPEN = (EMFILE, EIO, ENFILE, ENOMEM, EACCES, EINTR)
CREATE = (ENOSPC, EDQUOT, EROFS, EIO)
STAT = (EIO, ENOMEM, EACCES)
NEW = (EMFILE, ENFILE, ENOMEM)  # a descriptor
SYNC = (EIO, ENOSPC, EDQUOT)

ERRORS: dict[str, tuple[int | str, ...]] = {
    "open": OPEN, "open64": OPEN, "openat": OPEN + CREATE, "openat64": OPEN, "__open_2": OPEN, "__open64_2": OPEN,
    "__openat64_2": OPEN, "fopen": OPEN, "fopen64": OPEN, "opendir": OPEN, "fdopendir": OPEN, "scandir": OPEN, "glob": OPEN,
    "iconv_open": NEW, "newlocale": NEW,
    "fdopen": (ENOMEM,), "readdir": (EIO,), "realpath": STAT, "readlinkat": STAT, "access": STAT,
    "fcntl": NEW, "fcntl64": NEW, "ioctl": (ENOTTY, EIO),
    "read": (EIO, END, ONE, EINTR, EAGAIN, ECONNRESET), "pread": (EIO, END, ONE, EINTR),
    "readv": (EIO, END, ONE, EINTR),
    "write": (ENOSPC, ONE, EIO, EDQUOT, EINTR, EAGAIN, EPIPE), "pwrite": (ENOSPC, ONE, EIO, EDQUOT, EINTR),
    "writev": (EPIPE, ONE, ECONNRESET, ENOBUFS, EINTR, EAGAIN), "sendfile": (EIO, ONE, EINTR, EAGAIN),
    "stat": STAT, "lstat": STAT, "fstat": STAT, "fstatat": STAT, "fstatvfs": STAT,
    "mkdirat": CREATE, "renameat": CREATE, "unlink": (EROFS, EIO), "unlinkat": (EROFS, EIO), "chmod": (EROFS, EIO),
    "fchmod": (EROFS, EIO), "utimensat": (EROFS, EIO), "ftruncate": CREATE, "fsync": SYNC, "fdatasync": SYNC, "syncfs": SYNC,
    "flock": (ENOLCK, EINTR), "close": (EIO, EINTR, ENOSPC, EDQUOT),
    "socket": (EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES), "socketpair": NEW, "bind": (EACCES, ENOMEM),
    "listen": (ENOBUFS,), "shutdown": (ENOTCONN,),
    "connect": (ECONNREFUSED, EAGAIN, ETIMEDOUT, ENETUNREACH, EACCES, EINTR),
    "accept": (EMFILE, ECONNABORTED, ENFILE, ENOBUFS, ENOMEM, EINTR, EPERM),
    "accept4": (EMFILE, ECONNABORTED, ENFILE, ENOBUFS, ENOMEM, EINTR, EPERM),
    "getsockname": (ENOBUFS,), "getpeername": (ENOTCONN, ENOBUFS), "getsockopt": (EINVAL, ENOBUFS),
    "setsockopt": (EINVAL, ENOMEM, ENOBUFS),
    "recv": (ECONNRESET, END, ONE, ENOMEM, EINTR, EAGAIN), "recvfrom": (ECONNRESET, END, ONE, ENOMEM, EINTR),
    "recvmsg": (ECONNRESET, ENOMEM, EINTR),
    "send": (EPIPE, ONE, ECONNRESET, ENOBUFS, ENOMEM, EINTR, EAGAIN), "sendto": (EPIPE, ONE, ENOBUFS, EINTR),
    "sendmsg": (EPIPE, ENOBUFS, ENOMEM, EINTR),
    "poll": (ENOMEM, EINTR), "ppoll": (ENOMEM, EINTR), "epoll_wait": (EINTR,), "epoll_create": NEW,
    "epoll_create1": NEW, "epoll_ctl": (ENOMEM, ENOSPC), "eventfd": NEW, "timerfd_create": NEW,
    "timerfd_settime": (EINVAL,), "signalfd": NEW,
    "inotify_init1": NEW, "inotify_add_watch": (ENOSPC, ENOMEM), "memfd_create": NEW, "pipe": NEW, "pipe2": NEW,
    "dup2": (EBUSY,), "mmap": (ENOMEM,), "getrandom": (EAGAIN, EINTR, ENOSYS),
    "getentropy": (),  # with the kernel of Debian 12 it does not fail
    "getrlimit": (EINVAL,), "setrlimit": (EPERM,), "getrusage": (EINVAL,), "gethostname": (EPERM,),
    "tcgetattr": (ENOTTY, EIO), "tcsetattr": (EIO, EINTR), "waitpid": (EINTR,),
    "pthread_create": (EAGAIN,), "posix_spawnp": (EAGAIN, ENOENT, ENOMEM),
    "getaddrinfo": (EAI_AGAIN, EAI_FAIL, EAI_MEMORY, EAI_NONAME, EAI_SYSTEM),
}
OF_A_CONNECTION = {"accept4", "epoll_ctl", "read", "writev", "epoll_wait"}  # when called by libh2o


class Fault(NamedTuple):
    """One call that fails in one way."""

    site: Site
    action: Action
    errnum: int

    @property
    def name(self) -> str:
        if self.action != Action.FAIL:
            return f"{self.site.function}: {self.action.name}"
        return f"{self.site.function}: {errno.errorcode.get(self.errnum, self.errnum)}"

    @property
    def loses_connection(self) -> bool:
        """The call may concern one client's connection: if the kernel does not tell us about the client, we cannot answer
        it."""
        return self.site.function in OF_A_CONNECTION and self.site.places[0].startswith("libh2o")

    @property
    def is_fatal_to_h2o(self) -> bool:
        """libh2o aborts with a message when it cannot make an event loop; systemd restarts the daemon."""
        return self.site.function in ("epoll_create", "pipe2") and self.site.places[0].startswith("libh2o")


def faults_of(site: Site) -> list[Fault]:
    """One fault for `make check`, all faults with AITHER_TEST_FAULTS=all."""
    errors = ERRORS[site.function]
    actions = {ONE: (Action.ONE, 0), END: (Action.END, 0)}
    return [Fault(site, *actions.get(error, (Action.FAIL, error))) for error in errors[:None if ALL else 1]]
