# SPDX-License-Identifier: MIT
"""Certificates for servers of tests, made by openssl(1) in a directory of the test.

    ca = Authority(directory)                       a CA; programs trust it by SSL_CERT_FILE=ca.file
    ca = Authority.of_test(cls)                     one for a class of tests
    context = ca.context()                          for a server at localhost, 127.0.0.1 and 0.0.0.0
    ca.context(name="DNS:other.example.org")        of another name
    ca.context(days=-1)                             expired yesterday
    ca.context(environment=clock.environment)       made under another clock
    ca.context(key=WEAK_KEY)                        of a key that is too short
    ca.context(shows_ca=True)                       with the CA's certificate behind it
    ca.self_signed()                                of no CA

0.0.0.0 leads to this machine as 127.0.0.1 does, but is not one of the addresses that aither knows as this
machine: a server there is treated as one across the network.
"""
import os
import ssl
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Mapping

NAMES = "DNS:localhost,IP:127.0.0.1,IP:0.0.0.0"
KEY, WEAK_KEY = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), ("rsa:1024",)


class Authority:
    """A CA; `file` is its certificate."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.file = directory / "ca.pem"
        self._made = 0
        self._openssl("req", "-x509", *self._new_key("ca"), "-subj", "/CN=test CA", "-days", "30", "-out", "ca.pem")

    @classmethod
    def of_test(cls, test: type[unittest.TestCase]) -> "Authority":
        """For setUpClass: in a directory that goes with the class."""
        directory = tempfile.TemporaryDirectory(prefix="aither-")
        test.addClassCleanup(directory.cleanup)
        return cls(Path(directory.name))

    def context(self, name: str = NAMES, days: int = 1, key: tuple[str, ...] = KEY, shows_ca: bool = False,
                environment: Mapping[str, str] | None = None) -> ssl.SSLContext:
        """What a server needs to show a new certificate."""
        stem = self._next_stem()
        (self.directory / f"{stem}.ext").write_text(f"subjectAltName={name}\n")
        self._openssl("req", *self._new_key(stem, key), "-subj", f"/CN={stem}", "-out", f"{stem}.csr")
        self._openssl("x509", "-req", "-in", f"{stem}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", str(days), "-extfile", f"{stem}.ext", "-out", f"{stem}.pem",
                      environment=environment)
        if shows_ca:
            with open(self.directory / f"{stem}.pem", "a", encoding="ascii") as chain:
                chain.write(self.file.read_text())
        return self._load(stem)

    def self_signed(self) -> ssl.SSLContext:
        stem = self._next_stem()
        self._openssl("req", "-x509", *self._new_key(stem), "-subj", f"/CN={stem}", "-days", "1",
                      "-addext", f"subjectAltName={NAMES}", "-out", f"{stem}.pem")
        return self._load(stem)

    def _next_stem(self) -> str:
        self._made += 1
        return f"server-{self._made}"

    def _load(self, stem: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # also a weak key: to refuse it is the client's business
        context.load_cert_chain(self.directory / f"{stem}.pem", self.directory / f"{stem}.key")
        return context

    @staticmethod
    def _new_key(stem: str, key: tuple[str, ...] = KEY) -> tuple[str, ...]:
        return ("-newkey", *key, "-noenc", "-keyout", f"{stem}.key")

    def _openssl(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        done = subprocess.run(["openssl", *arguments], cwd=self.directory, env={**os.environ, **(environment or {})},
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")
