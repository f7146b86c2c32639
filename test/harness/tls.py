# SPDX-License-Identifier: Apache-2.0
"""TLS: authorities and certificates made by the openssl command, and clients that speak it."""

import ssl

from . import process
from .wire import Client, Wire

PING = b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
RSA = ["-newkey", "rsa:2048"]


class Certificate:
    def __init__(self, certificate, key):
        self.certificate = certificate
        self.key = key

    def replace(self, other):
        """Puts another pair in its place, one file after the other, as a script does it."""
        for ours, theirs in ((self.certificate, other.certificate), (self.key, other.key)):
            fresh = ours.with_name(ours.name + ".new")
            fresh.write_bytes(theirs.read_bytes())
            fresh.rename(ours)

    def settings(self, **more):
        return {"REGISTRY_HTTP_TLS_CERTIFICATE": str(self.certificate), "REGISTRY_HTTP_TLS_KEY": str(self.key),
                **more}


class Authority:
    """A CA in a folder of its own."""

    def __init__(self, folder, name="authority"):
        self.folder = folder
        self.name = name
        self.own = Certificate(folder / f"{name}.crt", folder / f"{name}.pem")
        process.run(["openssl", "req", "-x509", *EC, "-nodes", "-days", "30", "-subj", f"/CN={name}",
                     "-keyout", self.own.key, "-out", self.own.certificate])

    @property
    def file(self):
        return self.own.certificate

    def issue(self, name, days=30, kind=EC, usage="serverAuth", address="127.0.0.1", folder=None):
        """A certificate for this machine, or of a client; days below 0: it has expired."""
        folder = folder or self.folder
        made = Certificate(folder / f"{name}.crt", folder / f"{name}.pem")
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName=DNS:localhost,IP:{address}\nextendedKeyUsage={usage}\n")
        process.run(["openssl", "req", "-new", *kind, "-nodes", "-subj", f"/CN={name}", "-keyout", made.key,
                     "-out", request])
        process.run(["openssl", "x509", "-req", "-in", request, "-CA", self.own.certificate, "-CAkey", self.own.key,
                     "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", made.certificate]
                    if days > 0 else
                    ["openssl", "ca", "-batch", "-notext", "-in", request, "-cert", self.own.certificate,
                     "-keyfile", self.own.key, "-startdate", "20200101000000Z", "-enddate", "20200201000000Z",
                     "-extfile", extensions, "-out", made.certificate, "-config", self._book(), "-md", "sha256"])
        return made

    def _book(self):
        """`openssl ca`, which alone can date a certificate back, wants to keep books."""
        (self.folder / "index").touch()
        (self.folder / "serial").write_text("1000\n")
        config = self.folder / "ca.cnf"
        config.write_text("[ca]\ndefault_ca = d\n[d]\n"
                          f"database = {self.folder}/index\nserial = {self.folder}/serial\n"
                          f"new_certs_dir = {self.folder}\npolicy = p\n[p]\ncommonName = supplied\n")
        return config

    def context(self, client=None):
        """What a client trusts, and the certificate that it shows."""
        context = ssl.create_default_context(cafile=self.file)
        if client:
            context.load_cert_chain(client.certificate, client.key)
        return context


class TlsWire(Wire):
    """One TLS connection; `socket` is the encrypted one."""

    def __init__(self, port, context, session=None, **options):
        super().__init__(port, **options)
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost", session=session)
        except BaseException:
            self.socket.close()
            raise

    def peer(self):
        """The name in the server's certificate."""
        return dict(pair for entry in self.socket.getpeercert()["subject"] for pair in entry)["commonName"]

    def at_end(self):
        """Did the server say goodbye, with nothing before that?"""
        try:
            return self.socket.recv(1) == b""  # without a goodbye it raises
        except (ssl.SSLEOFError, ConnectionResetError):
            return False


class TlsClient(Client):
    def __init__(self, port, context, **options):
        super().__init__(port, **options)
        self.context = context

    def wire(self, **options):
        return TlsWire(self.port, self.context, **{"timeout": self.timeout, **options})


def only(context, version):
    """This context for that version alone, with whatever ciphers."""
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    return context


def spoken(port, context, **options):
    """(version, cipher) of a connection that works."""
    with TlsWire(port, context, **options) as wire:
        wire.send(PING)
        assert wire.read().status == 200
        return wire.socket.version(), wire.socket.cipher()[0]


def is_let_in(port, context, **options):
    try:
        return spoken(port, context, **options)[0] is not None
    except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
        return False  # with TLS 1.3 a client learns of it when it reads


def shown(port, context):
    """The name in the certificate that a new connection is shown."""
    with TlsWire(port, context) as wire:
        return wire.peer()
