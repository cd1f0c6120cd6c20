# SPDX-License-Identifier: MIT
"""A mail server for tests, on aiosmtpd: accepts mails and keeps them, with TLS and AUTH, and fails as the test has set.

    with SmtpStub(tls=ca.context(), users={"aither": "swordfish"}) as server:
        server.fail("RCPT", "550 5.1.1 no such user", only="b@example.org")
        ... let the program under test send to server.port ...
        mail = server.wait_for(1)[0]
        self.assertEqual((mail.user, mail.encrypted, mail.header("Subject")), ("aither", True, "..."))

tls: an ssl.SSLContext; with it, the server offers STARTTLS, or with `implicit` uses TLS from the start. users: names and
passwords; None: no AUTH. AUTH is offered inside TLS only, or everywhere with plain_auth.

A fault applies to one step: GREETING, EHLO, STARTTLS, AUTH (the command), LOGIN (user and password have arrived), MAIL,
RCPT, DATA, MESSAGE (the whole mail has arrived), NOOP, QUIT. It is a reply ("{secret}" stands for the password as it was
sent, in Base64), DROP (the connection is closed), HANG (no answer at all) or HOLD (no answer before release()). It lasts for
`count` times or, without `count`, until repair() or clear(). A mail counts as accepted only when the stub has answered so.

`steps` is the log of everything received: (step, argument, encrypted).
"""
import asyncio
import base64
import email
import email.message
import email.policy
import logging
import ssl
import threading
import time
import unittest
from dataclasses import dataclass
from typing import Any

try:
    from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
except ImportError:
    raise unittest.SkipTest("python3-aiosmtpd is not installed") from None

DROP, HANG, HOLD = "drop", "hang", "hold"
PATIENCE_S = 30  # the longest wait for a mail that must come, on a very busy machine

logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # dropped connections are normal here
logging.getLogger("mail.debug").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Mail:
    sender: str
    recipients: tuple[str, ...]
    content: bytes  # as received, with the dots unstuffed
    user: str | None
    encrypted: bool

    @property
    def message(self) -> email.message.EmailMessage:
        parsed = email.message_from_bytes(self.content, policy=email.policy.default)
        assert isinstance(parsed, email.message.EmailMessage)
        return parsed

    def header(self, name: str) -> str | None:
        value = self.message[name]
        return None if value is None else str(value)

    @property
    def text(self) -> str:
        return self.message.get_content()


@dataclass
class Fault:
    step: str
    kind: str
    only: str
    left: int  # -1: for ever


class SmtpStub:
    """A running server on a free port of all addresses of this machine."""

    def __init__(self, tls: ssl.SSLContext | None = None, implicit: bool = False,
                 users: dict[str, str] | None = None, plain_auth: bool = False, port: int = 0):
        self.tls, self.implicit, self.users, self.plain_auth = tls, implicit, users, plain_auth
        self.port = port
        self.mails: list[Mail] = []
        self.steps: list[tuple[str, str, bool]] = []
        self.connections = 0
        self._faults: list[Fault] = []
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self.released = asyncio.Event()
        self._server: Any = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()

    def __enter__(self) -> "SmtpStub":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- for tests ----

    def fail(self, step: str, kind: str, only: str = "", count: int = -1) -> None:
        """Adds a fault from now on; `only`: for arguments that contain this text."""
        with self._news:
            self._faults.append(Fault(step, kind, only, count))

    def clear(self) -> None:
        """Removes all faults, and forgets everything received."""
        with self._news:
            self._faults.clear()
            self.steps.clear()
            self.mails.clear()
            self.connections = 0

    def repair(self) -> None:
        """Removes all faults."""
        with self._news:
            self._faults.clear()

    def release(self) -> None:
        """Lets connections on hold continue; no later one is held."""
        self._loop.call_soon_threadsafe(self.released.set)

    def wait_for(self, count: int) -> list[Mail]:
        """All mails, as soon as there are `count` of them."""
        return self._wait(lambda: len(self.mails) >= count, f"{count} mails", lambda: list(self.mails))

    def wait_for_step(self, step: str) -> None:
        self._wait(lambda: any(s == step for s, _, _ in self.steps), step, lambda: None)

    def stop(self) -> None:
        """The port refuses connections until start()."""
        self._call(self._stop())

    def start(self) -> None:
        self._call(self._start())

    def close(self) -> None:
        """May be called twice."""
        if self._loop.is_closed():
            return
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    # ---- on the loop's thread ----

    def _call(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)

    async def _start(self) -> None:
        self._server = await self._loop.create_server(
            lambda: Conversation(self), "0.0.0.0", self.port, ssl=self.tls if self.implicit else None,
            reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def came(self, step: str, argument: str, encrypted: bool) -> str | None:
        """Logs a step; returns the kind of the fault that it shall have."""
        with self._news:
            self.steps.append((step, argument, encrypted))
            self.connections += step == "GREETING"
            self._news.notify_all()
            for fault in self._faults:
                if fault.step == step and fault.only in argument and fault.left != 0:
                    fault.left -= fault.left > 0
                    return fault.kind
        return None

    def take(self, mail: Mail) -> None:
        with self._news:
            self.mails.append(mail)
            self._news.notify_all()

    def _wait(self, condition: Any, what: str, result: Any) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        with self._news:
            while not condition():
                if not self._news.wait(max(0.0, deadline - time.monotonic())):
                    raise AssertionError(f"the mail server never got {what}: {self.steps[-20:]}")
            return result()


class Conversation(SMTP):
    """One connection."""

    def __init__(self, stub: SmtpStub):
        self.stub = stub
        super().__init__(Handler(stub), hostname="stub.example.org", tls_context=None if stub.implicit else stub.tls,
                         auth_require_tls=not (stub.plain_auth or stub.implicit),
                         authenticator=self.check_login, loop=stub._loop)

    @property
    def encrypted(self) -> bool:
        return self.transport is not None and self.transport.get_extra_info("ssl_object") is not None

    async def meet(self, step: str, argument: Any = "") -> str | None:
        """Returns the faulty reply of the step; None: the step continues normally."""
        kind = self.stub.came(step, str(argument or ""), self.encrypted)
        if kind == HOLD:
            await self.stub.released.wait()
            return None
        if kind not in (HANG, DROP):
            return kind
        try:
            if kind == DROP:
                self.transport.abort()
            await asyncio.Event().wait()
        finally:
            if self.transport:
                self.transport.abort()

    async def go_on(self, step: str, argument: Any, method: Any) -> None:
        reply = await self.meet(step, argument)
        if reply is None:
            await method(argument)
            return
        await self.push(reply)
        if reply.startswith("421"):
            self.transport.close()

    async def _handle_client(self) -> None:
        reply = await self.meet("GREETING")
        if reply is None:
            await super()._handle_client()
            return
        await self.push(reply)
        self.transport.close()

    async def smtp_EHLO(self, hostname: str) -> None:
        await self.go_on("EHLO", hostname, super().smtp_EHLO)

    async def smtp_HELO(self, hostname: str) -> None:
        await self.go_on("EHLO", hostname, super().smtp_HELO)

    async def smtp_STARTTLS(self, arg: str | None) -> None:
        await self.go_on("STARTTLS", arg, super().smtp_STARTTLS)

    async def smtp_AUTH(self, arg: str | None) -> None:
        await self.go_on("AUTH", arg, super().smtp_AUTH)

    async def smtp_MAIL(self, arg: str | None) -> None:
        await self.go_on("MAIL", arg, super().smtp_MAIL)

    async def smtp_RCPT(self, arg: str | None) -> None:
        await self.go_on("RCPT", arg, super().smtp_RCPT)

    async def smtp_DATA(self, arg: str | None) -> None:
        await self.go_on("DATA", arg, super().smtp_DATA)

    async def smtp_NOOP(self, arg: str | None) -> None:
        await self.go_on("NOOP", arg, super().smtp_NOOP)

    async def smtp_QUIT(self, arg: str | None) -> None:
        await self.go_on("QUIT", arg, super().smtp_QUIT)

    def check_login(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str,
                    data: LoginPassword) -> AuthResult:
        user, password = data.login.decode(), data.password.decode()
        kind = self.stub.came("LOGIN", user, self.encrypted)
        if kind:
            secret = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            return AuthResult(success=False, handled=False, message=kind.replace("{secret}", secret))
        if (self.stub.users or {}).get(user) != password:
            return AuthResult(success=False, handled=False, message="535 5.7.8 Authentication credentials invalid")
        return AuthResult(success=True, auth_data=user)


class Handler:
    """The callbacks of aiosmtpd, beside the commands."""

    def __init__(self, stub: SmtpStub):
        self.stub = stub

    async def handle_EHLO(self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str,
                          replies: list[str]) -> list[str]:
        session.host_name = hostname
        return [reply for reply in replies if self.stub.users or not reply.startswith("250-AUTH")]

    async def handle_DATA(self, server: Conversation, session: Session, envelope: Envelope) -> str:
        reply = await server.meet("MESSAGE")
        if reply is None:
            assert envelope.mail_from is not None and envelope.original_content is not None
            self.stub.take(Mail(envelope.mail_from, tuple(envelope.rcpt_tos), envelope.original_content,
                                session.auth_data, server.encrypted))
        return reply or "250 2.0.0 taken"
