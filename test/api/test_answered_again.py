# SPDX-License-Identifier: Apache-2.0
"""A manifest that was asked for before is answered without reading it, as long as nothing of it has changed."""

from harness.content import sha256
from harness.push import manifest, push_image, push_manifest
from harness.waiting import wait_until_settled

TIMES = 20


def same(answer):
    return answer.status, [pair for pair in answer.headers if pair[0] != "Date"], answer.body


def test_again(server, client, volume):
    image = push_image(client, "again", "latest")
    push_manifest(client, "again", "moves", image.manifest)
    other = manifest(image.config, image.layers, annotations={"other": "one"})
    path = "/v2/again/manifests/"
    requests = [lambda: client.get(path + "latest"), lambda: client.get(path + image.digest),
                lambda: client.head(path + "latest"),
                lambda: client.get(path + "latest", headers={"If-None-Match": f'"{image.digest}"'})]
    read = [same(request()) for request in requests]
    assert [status for status, _, _ in read] == [200, 200, 200, 304]
    wait_until_settled()
    assert [same(request()) for request in requests] == read
    before = server.bytes_read()
    for _ in range(TIMES):
        assert [same(request()) for request in requests] == read
    assert server.bytes_read() - before < TIMES * len(image.manifest), "they are read each time"

    assert client.get(path + "moves").body == image.manifest, "remembered from now on"
    moved = manifest(image.config, image.layers, annotations={"other": "two"})
    push_manifest(client, "again", "moves", moved)
    assert client.get(path + "moves").body == moved

    volume.data(sha256(other)).parent.mkdir(parents=True)
    volume.data(sha256(other)).write_bytes(other)
    volume.revision("again", sha256(other)).parent.mkdir(parents=True)
    volume.revision("again", sha256(other)).write_text(sha256(other))
    volume.current("again", "latest").write_text(sha256(other))
    assert client.get(path + "latest").body == other, "as another registry on the same volume would do it"
    volume.revision("again", image.digest).unlink()
    assert client.get(path + image.digest).status == 404
