# SPDX-License-Identifier: MIT
"""aither-worker, where every single call fails once that a mail, an item for Rollbar, the checks of `aither doctor` or a
refresh of the homepage causes: the answer reports it, and the same request succeeds afterwards."""
import http.client
import time
import unittest
from typing import NamedTuple

from crash.errnos import Fault
from crash.faults import LOST_S, Attack
from stack import PATIENCE_S, Reply
from stub.rollbar_stub import RollbarStub
from stub.smtp_stub import SmtpStub


class Order(NamedTuple):
    method: str
    target: str
    answers: tuple[tuple[int, str], ...]  # besides 200


INTERNAL = ((500, "INTERNAL_ERROR"),)  # no thread, or one of our own files cannot be read
UNSENT = INTERNAL + ((502, "NOTIFY_FAILED"),)
UNFRESH = INTERNAL + ((500, "OUTPUT_ERROR"), (507, "OUTPUT_ERROR"), (500, "TEMPLATE_ERROR"),
                      (502, "HEMERA_UNREACHABLE"), (502, "HEMERA_ERROR"))
ORDERS = (
    Order("POST", "/internal/test-mail", UNSENT),
    Order("POST", "/internal/test-rollbar", UNSENT),
    Order("GET", "/internal/doctor", ()),
    Order("POST", "/internal/refresh", UNFRESH),
)
ROLLBAR_TOKEN = "rollbar-token-0123456789abcdef"


class Orders(Attack):
    """The worker's other requests: mail, Rollbar, the checks, the refresh of the homepage."""

    def setUp(self) -> None:
        self.mail = self.enterContext(SmtpStub())
        self.rollbar = self.enterContext(RollbarStub(None, ROLLBAR_TOKEN))
        notify = f"[Notify]\nMailTo=operator@example.org\nSMTPURL=smtp://localhost:{self.mail.port}\n"
        rollbar = f"[Rollbar]\nEnabled=yes\nEndpoint={self.rollbar.url}\n"
        self.set_up(notify + rollbar, {"ROLLBAR_SERVER_TOKEN": ROLLBAR_TOKEN})
        self.stack.environment |= self.faults.environment
        self.stack.start_worker()

    def ask(self, order: Order, timeout_s: float = PATIENCE_S) -> Reply:
        return self.stack.request(order.method, order.target, over_unix_socket=True, timeout_s=timeout_s)

    def restart_worker(self) -> None:
        """Starts a fresh worker, which has not used up its limits of tests and refreshes."""
        assert self.stack.worker
        self.assertEqual(self.stack.worker.stop(), 0)
        self.stack.start_worker()

    def try_fault(self, order: Order, fault: Fault) -> bool:
        self.faults.arm(fault.site, fault.action, fault.errnum)
        try:
            reply = self.ask(order, LOST_S if fault.loses_connection else PATIENCE_S)
            if reply.status != 200:
                self.assertIn((reply.status, reply.code), order.answers, reply.text)
        except (OSError, http.client.HTTPException):
            if not fault.loses_connection:
                raise
        fired = self.faults.fired
        self.faults.arm()
        self.assertEqual(self.ask(order).status, 200)
        return fired

    def test_when_any_call_fails_the_answer_says_so_and_the_next_is_as_always(self) -> None:
        count = met = 0
        for order in ORDERS:
            self.assertEqual(self.ask(order).status, 200, order.target)
            self.faults.forget()
            self.ask(order)
            time.sleep(0.05)
            for fault in self.faults_of(self.faults.met()):
                with self.naming(fault, order.target):
                    if count % 2 == 0:  # each of these asks twice
                        self.restart_worker()
                    count += 1
                    met += self.try_fault(order, fault)
        print(f"# {count} failures, {count - met} of them not met")


del Attack

if __name__ == "__main__":
    unittest.main()
