# SPDX-License-Identifier: Apache-2.0
"""Nothing that was answered is lost: a receiver that is down for long, and a server that is stopped and killed meanwhile.

DOWN_SECONDS=60 is the long version.
"""

import os
import time

from harness.content import sha256
from harness.process import free_port
from harness.push import OCI_MANIFEST, manifest, push_blob, push_manifest, start_upload, with_query
from harness.sink import patient, short, told_to
from harness.waiting import wait_until

DOWN_SECONDS = float(os.environ.get("DOWN_SECONDS", "2"))
ROUNDS = 4  # in each third of that time
LAYER = b"a layer"


def once(events):
    """Without those that came again, as they may: right behind themselves."""
    return [event for i, event in enumerate(events) if i == 0 or event["id"] != events[i - 1]["id"]]


class Walker:
    """Does things that are told, in rounds; what should be told of them, in order."""

    def __init__(self, server):
        self.server = server
        self.told = []
        self.rounds = 0

    def round(self):
        """Each kind of event, with contents of its own."""
        client, name = self.server.client(), f"round/{self.rounds}"
        config = b'{"round":%d}' % self.rounds
        self.rounds += 1
        image = manifest(config, [LAYER])
        for data in (config, LAYER):
            push_blob(client, name, data)
            self.told.append(("push", name, sha256(data)))
        assert client.post(f"/v2/copy/blobs/uploads/?mount={sha256(config)}&from={name}").status == 201
        self.told.append(("mount", "copy", sha256(config)))
        push_manifest(client, name, "tag", image)
        self.told.append(("push", name, "tag"))
        for target in (f"manifests/{sha256(image)}", f"blobs/{sha256(LAYER)}"):
            assert client.get(f"/v2/{name}/{target}").status == 200
            self.told.append(("pull", name, target.split("/")[1]))
        assert client.delete(f"/v2/{name}/manifests/{sha256(image)}").status == 202
        assert client.delete(f"/v2/{name}/blobs/{sha256(LAYER)}").status == 202
        self.told += [("delete", name, sha256(image)), ("delete", name, "tag"), ("delete", name, sha256(LAYER))]

    def rounds_for(self, seconds):
        begun = time.monotonic()
        for part in range(ROUNDS):
            self.round()
            wait_until(lambda until=begun + seconds * (part + 1) / ROUNDS: time.monotonic() >= until, "the next round",
                       timeout=seconds + 1)


def test_a_receiver_that_is_down(start, make_sink):
    """It is down from the first event to the last; another one is there, and stands still when the server is killed."""
    port, there = free_port(), make_sink()
    backoff = f"{int(DOWN_SECONDS * 10)}ms"
    server = start(**told_to(patient(f"http://127.0.0.1:{port}/", name="down", threshold=3, backoff=backoff),
                             patient(there.url, name="there")))
    walker = Walker(server)
    walker.rounds_for(DOWN_SECONDS / 3)
    server.restart()
    walker.rounds_for(DOWN_SECONDS / 3)
    there.hold()
    walker.round()
    wait_until(lambda: there.holding, "an event on its way")
    server.kill()
    there.release()
    server.start()
    walker.rounds_for(DOWN_SECONDS / 3)
    sink = make_sink(port=port)
    print(f"{len(walker.told)} events")
    sink.wait(len(walker.told), timeout=30 + 2 * DOWN_SECONDS)
    wait_until(lambda: len(once(there.events())) == len(walker.told), "the other one having them all")
    server.stop()
    assert [short(event) for event in sink.events()] == walker.told
    assert [short(event) for event in once(there.events())] == walker.told
    assert len(there.events()) - len(walker.told) <= 2, "what was on its way at each end comes again, and nothing else"


def test_a_server_that_is_killed_with_its_answer(start, make_sink):
    """What a client has an answer to is told, whatever becomes of the server at this moment."""
    port, image = free_port(), manifest(b"{}", [LAYER])
    server = start(**told_to(patient(f"http://127.0.0.1:{port}/")))
    for data in (b"{}", LAYER):
        push_blob(server.client(), "a", data)
    push_manifest(server.client(), "a", "tag", image)
    told = [("push", "a", sha256(b"{}")), ("push", "a", sha256(LAYER)), ("push", "a", "tag")]
    location = with_query(start_upload(server.client(), "a"), digest=sha256(b"new"))
    reads = [("GET", f"/v2/a/blobs/{sha256(LAYER)}", b"", ("pull", "a", sha256(LAYER))),
             ("HEAD", "/v2/a/manifests/tag", b"", ("pull", "a", "tag"))]
    requests = reads * 3 + [
        ("PUT", server.client().path(location), b"new", ("push", "a", sha256(b"new"))),
        ("PUT", "/v2/a/manifests/other", image, ("push", "a", "other")),
        ("POST", f"/v2/b/blobs/uploads/?mount={sha256(LAYER)}&from=a", b"", ("mount", "b", sha256(LAYER))),
        ("DELETE", "/v2/a/manifests/tag", b"", ("delete", "a", "tag")),
        ("DELETE", f"/v2/a/blobs/{sha256(LAYER)}", b"", ("delete", "a", sha256(LAYER))),
    ]
    for method, target, body, event in requests:
        with server.client().wire() as wire:
            wire.send_head(method, target, {"Content-Length": str(len(body)), "Content-Type": OCI_MANIFEST})
            wire.send(body)
            answer = wire.read_head()
            server.kill()
        assert answer.status < 300, answer
        told.append(event)
        server.start()
    assert [short(event) for event in make_sink(port=port).wait(len(told))] == told
