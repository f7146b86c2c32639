# SPDX-License-Identifier: Apache-2.0
"""Debian's nginx in front of a server, with TLS ended there; all that it writes is in a folder of its own."""

import re

from . import process
from .place import REPOSITORY
from .waiting import wait_until

SETTINGS = """\
daemon off;
master_process off;
pid {folder}/pid;
events {{ }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream kept {{
        server {server};
        keepalive 8;
    }}
    server {{
        listen {front} ssl;
        ssl_certificate {certificate.certificate};
        ssl_certificate_key {certificate.key};
{block}
    }}
}}
"""


def readme_blocks():
    """What the README's example says, as it is and with its locations for a prefix; but for address and certificate."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## Behind nginx"):]
    section = section[:section.index("\n## ")]
    lines = re.search(r"^    server {\n(.*?)^    }$", section, re.M | re.S).group(1).splitlines()
    lines = [line for line in lines if not line.strip().startswith(("listen ", "ssl_certificate"))]
    common = [line for line in lines if not line.strip().startswith("location ")]
    locations = re.findall(r"^ +location .*}$", section, re.M)
    assert len(lines) == len(common) + 1 and len(locations) == 3
    return "\n".join(lines), "\n".join(common + locations[1:])


class Nginx:
    """`block` is what its server block says, in nginx's language; in it 127.0.0.1:5000 stands for the server, and
    http://kept for the server over connections that are kept. The port is a reserved one."""

    def __init__(self, folder, certificate, server, block, port, address="127.0.0.1"):
        self.folder = folder
        self.address, self.port = address, port
        self.settings = self.folder / "nginx.conf"
        self.settings.write_text(SETTINGS.format(
            folder=self.folder, server=server.host, front=self.host, certificate=certificate,
            block=block.replace("127.0.0.1:5000", server.host)))
        with open(self.folder / "error.log", "wb") as errors:
            self.process = process.start(["nginx", "-c", self.settings, "-p", self.folder, "-e", "stderr"],
                                         stdout=errors, stderr=errors)
        try:
            wait_until(lambda: self.process.poll() is not None or process.accepts(self.port, address), "nginx")
            assert self.process.poll() is None, self.errors()
        except BaseException:
            process.end(self.process)
            raise

    @property
    def host(self):
        return f"{self.address}:{self.port}"

    def errors(self):
        return (self.folder / "error.log").read_text()

    def requests(self):
        return (self.folder / "access.log").read_text().splitlines()

    def stop(self):
        """What it has to say is errors alone: there are none."""
        process.end(self.process)
        assert not self.errors(), f"nginx:\n{self.errors()}"
