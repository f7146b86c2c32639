# SPDX-License-Identifier: Apache-2.0
"""Real clients over TLS, with a CA that only they are told of."""

import shutil

import pytest

from harness import process
from harness.engine import Engine
from harness.place import scratch_folder
from harness.server import Server
from harness.tls import Authority, TlsClient


@pytest.fixture
def authority(scratch):
    folder = scratch / "authority"
    folder.mkdir()
    return Authority(folder)


@pytest.fixture
def trust(scratch, authority):
    """trust(client certificate) gives a folder as podman and skopeo want it."""
    def make(certificate=None):
        folder = scratch / f"trust-{len(list(scratch.glob('trust-*')))}"
        folder.mkdir()
        shutil.copy(authority.file, folder / "ca.crt")
        if certificate:
            shutil.copy(certificate.certificate, folder / "client.cert")
            shutil.copy(certificate.key, folder / "client.key")
        return str(folder)
    return make


@pytest.fixture
def image(layout, body):
    return layout.image("one", [body(5_000_000), body(300_000)])


def test_skopeo(make_server, authority, trust, tools, layout, image, scratch):
    server = make_server(environment=authority.issue("server").settings())
    remote = f"docker://{server.host}/some/repo:one"
    tools.skopeo("copy", "--dest-cert-dir", trust(), f"oci:{layout.folder}:one", remote)
    tools.skopeo("copy", "--src-cert-dir", trust(), remote, f"dir:{scratch}/back")
    for entry in layout.read(image)["layers"]:
        blob = (layout.folder / "blobs" / "sha256" / entry["digest"][7:]).read_bytes()
        assert (scratch / "back" / entry["digest"][7:]).read_bytes() == blob
    refused = tools.run(tools.skopeo_command("inspect", remote), check=False)
    assert refused.returncode != 0 and "unknown authority" in refused.stderr


def test_skopeo_with_a_certificate_of_its_own(make_server, authority, trust, tools, layout, image):
    server = make_server(environment=authority.issue("server").settings(
        REGISTRY_HTTP_TLS_CLIENTCAS=f"[{authority.file}]"))
    remote = f"docker://{server.host}/some/repo:one"
    client = trust(authority.issue("client", usage="clientAuth"))
    tools.skopeo("copy", "--dest-cert-dir", client, f"oci:{layout.folder}:one", remote)
    assert image in tools.skopeo("inspect", "--cert-dir", client, remote)
    refused = tools.run(tools.skopeo_command("inspect", "--cert-dir", trust(), remote), check=False)
    assert refused.returncode != 0


def test_podman(make_server, authority, trust, tools, layout, image):
    server = make_server(environment=authority.issue("server").settings())
    policy = ["--signature-policy", tools.policy]
    local = tools.podman("pull", *policy, "--quiet", f"oci:{layout.folder}:one").splitlines()[-1]
    name = f"{server.host}/some/repo:one"
    tools.podman("push", *policy, "--cert-dir", trust(), local, f"docker://{name}")
    tools.podman("image", "rm", "--force", local)
    assert tools.podman("pull", *policy, "--quiet", "--cert-dir", trust(), name) == local


def test_docker(authority, body):
    """Not on 127.0.0.1, where the engine takes any certificate, but on the address of its bridge."""
    with scratch_folder("rt-") as engine_folder, scratch_folder() as server_folder:
        engine = Engine(engine_folder, trusts=authority.file)
        server = None
        try:
            engine.start()
            address, port = engine.bridge.address.split("/")[0], process.free_port()
            server = Server(server_folder, environment=authority.issue("server", address=address).settings(
                REGISTRY_HTTP_ADDR=f"0.0.0.0:{port}"))
            server.start(port)
            name = f"{address}:{port}/some/repo:one"
            image = engine.import_files({"file": body(5_000_000)}, name)
            engine.run(["docker", "push", name])
            engine.empty()
            engine.run(["docker", "pull", name])
            assert engine.image_id(name) == image
            tags = TlsClient(port, authority.context()).get("/v2/some/repo/tags/list").json()
            assert tags == {"name": "some/repo", "tags": ["one"]}
        finally:
            engine.stop()
            if server:
                server.stop()
