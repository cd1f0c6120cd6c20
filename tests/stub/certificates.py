# SPDX-License-Identifier: MIT
"""Certificates for the servers of tests, made by openssl(1) in a temporary directory.

    ca = Authority(directory)                       a CA; programs trust it by SSL_CERT_FILE=ca.file
    ca = Authority.of_test(cls)                     one for a class of tests
    context = ca.context()                          for a server at localhost, 127.0.0.1 and 0.0.0.0
    ca.context(name="DNS:other.example.org")        for another name
    ca.context(valid=(-2, -1))                      expired yesterday
    ca.context(valid=(10, 11))                      not valid before ten days from now
    ca.context(key=WEAK_KEY)                        with a key that is too short
    ca.context(shows_ca=True)                       followed by the CA's certificate
    ca.self_signed()                                signed by no CA

0.0.0.0 leads to this machine as 127.0.0.1 does, but aither does not count it among this machine's addresses: a server there
is treated like one across the network.
"""
import ssl
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

NAMES = "DNS:localhost,IP:127.0.0.1,IP:0.0.0.0"
CA_CONFIG = """\
[ca]
default_ca = this
[this]
certificate = ca.pem
private_key = ca.key
database = ca.index
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[any]
commonName = supplied
"""
KEY, WEAK_KEY = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), ("rsa:1024",)


class Authority:
    """A CA; `file` is its certificate."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.file = directory / "ca.pem"
        self._made = 0
        (directory / "ca.conf").write_text(CA_CONFIG)
        (directory / "ca.index").touch()
        self._openssl("req", "-x509", *self._new_key("ca"), "-subj", "/CN=test CA", "-days", "30", "-out", "ca.pem")

    @classmethod
    def of_test(cls, test: type[unittest.TestCase]) -> "Authority":
        """For setUpClass: in a directory that is removed with the class."""
        directory = tempfile.TemporaryDirectory(prefix="aither-")
        test.addClassCleanup(directory.cleanup)
        return cls(Path(directory.name))

    def context(self, name: str = NAMES, valid: tuple[float, float] = (0, 1), key: tuple[str, ...] = KEY,
                shows_ca: bool = False) -> ssl.SSLContext:
        """Returns a server context with a new certificate. `valid` is the beginning and end of its validity, in days from
        now. Uses openssl-ca(1), because "x509 -days" accepts no negative number in OpenSSL 3.5."""
        stem = self._next_stem()
        start, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400)) for days in valid)
        (self.directory / f"{stem}.ext").write_text(f"subjectAltName={name}\n")
        self._openssl("req", *self._new_key(stem, key), "-subj", f"/CN={stem}", "-out", f"{stem}.csr")
        self._openssl("ca", "-batch", "-notext", "-config", "ca.conf", "-in", f"{stem}.csr", "-startdate", start,
                      "-enddate", end, "-extfile", f"{stem}.ext", "-out", f"{stem}.pem")
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
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # accept a weak key, too: the client must refuse it
        context.load_cert_chain(self.directory / f"{stem}.pem", self.directory / f"{stem}.key")
        return context

    @staticmethod
    def _new_key(stem: str, key: tuple[str, ...] = KEY) -> tuple[str, ...]:
        return ("-newkey", *key, "-noenc", "-keyout", f"{stem}.key")

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], cwd=self.directory, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")
