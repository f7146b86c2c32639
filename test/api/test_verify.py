# SPDX-License-Identifier: Apache-2.0
"""Damage: found, moved aside, unknown from then on, and healed by the next push."""

import functools

import pytest

from harness import process
from harness.admin import VERIFICATION, Admin, Verifier
from harness.content import Body, sha256, sha512
from harness.push import index, manifest, push_blob, push_image, push_manifest, with_query
from harness.server import binary_path
from harness.volume import Volume
from harness.waiting import wait_until

REPO = "some/repo"
LARGE = 700_000


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def short(path):
    path.write_bytes(path.read_bytes()[:-1])


def long(path):
    path.write_bytes(path.read_bytes() + b"\n")


def emptied(path):
    path.write_bytes(b"")


DAMAGE = {"flipped": flipped, "short": short, "long": long, "emptied": emptied}


@pytest.fixture
def verifier(server):
    return Verifier(server.root)


@pytest.fixture
def image(client):
    return push_image(client, REPO, "tag", layers=[b"a layer", bytes(Body("verify", LARGE))])


def parts(image):
    """{digest: bytes} of its blobs."""
    return {sha256(data): data for data in [image.config, *image.layers]}


def push_as_docker(client, name, digest, data):
    """A layer, if it is not there; returns whether it was sent."""
    if client.head(f"/v2/{name}/blobs/{digest}").status == 200:
        return False
    location = client.post(f"/v2/{name}/blobs/uploads/").get("Location")
    answer = client.patch(location, data)
    assert answer.status == 202, answer
    answer = client.put(with_query(answer.get("Location"), digest=digest))
    assert answer.status == 201, answer
    return True


def assert_unknown(client, path, code):
    for method in ("GET", "HEAD"):
        answer = client.request(method, path)
        assert answer.status == 404, answer
        if method == "GET":
            assert answer.code() == code, answer


def assert_pulls(client, image, reference="tag", name=REPO):
    assert client.get(f"/v2/{name}/manifests/{reference}").body == image.manifest
    for digest, data in parts(image).items():
        assert client.get(f"/v2/{name}/blobs/{digest}").body == data


def assert_clean(report):
    assert (report["outcome"], report["finding_count"], report["findings"]) == ("done", 0, []), report


def assert_found(report, digest, wrong, moved_to):
    """A finding that says all of the damage."""
    found = [finding for finding in report["findings"] if finding["what"] == digest]
    assert len(found) == 1, report
    assert (found[0]["digest"], found[0]["size"]) == (sha256(wrong), len(wrong)), found
    assert found[0].get("moved_to") == moved_to, found


# on demand


def test_nothing_is_wrong(verifier, client, volume, image):
    push_manifest(client, REPO, "multi", index([image.manifest]), "application/vnd.oci.image.index.v1+json")
    other = b"natively sha512"
    answer = client.post(f"/v2/{REPO}/blobs/uploads/?digest={sha512(other)}", other)
    assert answer.status == 201, answer
    before = volume.listing()
    report = verifier.collect()
    assert_clean(report)
    sizes = volume.blobs()
    assert {name: report[name] for name in ("blobs", "bytes", "repositories", "manifests", "tags", "links")} == {
        "blobs": len(sizes), "bytes": sum(sizes.values()), "repositories": 1, "manifests": 2, "tags": 2, "links": 4}
    assert volume.listing() == before


@pytest.mark.parametrize("how", DAMAGE)
def test_blobs(verifier, client, volume, image, how):
    """The small layer, the large one and the config, one after the other, while the server runs."""
    for digest, data in parts(image).items():
        DAMAGE[how](volume.data(digest))
        wrong = volume.data(digest).read_bytes()
        report = verifier.collect()
        moved = volume.quarantined(digest)
        assert [path.read_bytes() for path in moved] == [wrong]
        assert_found(report, digest, wrong, "/" + str(moved[0].relative_to(volume.root)))
        assert (report["damaged"], report["moved"]) == (1, 1)
        assert any(f"manifest {image.digest}" in finding["what"] for finding in report["findings"]), report
        assert_unknown(client, f"/v2/{REPO}/blobs/{digest}", "BLOB_UNKNOWN")
        assert push_as_docker(client, REPO, digest, data)
        assert_pulls(client, image)
        assert_clean(verifier.collect())


@pytest.mark.parametrize("how", DAMAGE)
def test_manifests(server, verifier, client, volume, image, how):
    """Whoever asks for one has it looked at."""
    DAMAGE[how](volume.data(image.digest))
    wrong = volume.data(image.digest).read_bytes()
    for reference in ("tag", image.digest):
        assert_unknown(client, f"/v2/{REPO}/manifests/{reference}", "MANIFEST_UNKNOWN")
    moved = wait_until(lambda: volume.quarantined(image.digest), "the manifest being moved aside")
    assert moved[0].read_bytes() == wrong
    assert not volume.data(image.digest).exists()
    suspects = wait_until(lambda: verifier.by_itself()["suspects"], "word of it")
    assert_found(suspects, image.digest, wrong, "/" + str(moved[0].relative_to(volume.root)))
    server.says(f"verification: {image.digest}: damaged")
    report = verifier.collect()
    assert (report["damaged"], report["missing"]) == (0, 2), report
    assert {finding["what"] for finding in report["findings"]} == {
        f"{REPO}: manifest {image.digest}", f"{REPO}: tag tag"}
    push_manifest(client, REPO, "tag", image.manifest)
    assert_pulls(client, image)
    assert_clean(verifier.collect())


def test_an_emptied_blob_needs_no_verification(client, volume, image):
    """The registry image's full disks and crashes leave such files."""
    for digest, data in parts(image).items():
        emptied(volume.data(digest))
        assert_unknown(client, f"/v2/{REPO}/blobs/{digest}", "BLOB_UNKNOWN")
        answer = client.post(f"/v2/other/repo/blobs/uploads/?mount={digest}&from={REPO}")
        assert answer.status == 202, answer
        answer = client.put(f"/v2/{REPO}/manifests/tag", image.manifest, {"Content-Type": image.media_type})
        assert (answer.status, answer.code()) == (400, "MANIFEST_BLOB_UNKNOWN"), answer
        assert push_as_docker(client, REPO, digest, data)
    assert_pulls(client, image)


@pytest.mark.parametrize("how", DAMAGE)
def test_a_push_heals_what_nobody_has_found(client, volume, verifier, image, how):
    """An upload never ends with "it is there already"."""
    for digest, data in parts(image).items():
        DAMAGE[how](volume.data(digest))
        push_blob(client, REPO, data)
        assert client.get(f"/v2/{REPO}/blobs/{digest}").body == data
    DAMAGE[how](volume.data(image.digest))
    push_manifest(client, REPO, "tag", image.manifest)
    assert_pulls(client, image)
    assert_clean(verifier.collect())


def test_a_promise_does_not_hold_damage(client, volume, verifier, image):
    """Between HEAD and manifest it is moved aside: the manifest is refused, and the client pushes what is named."""
    digest = sha256(image.layers[1])
    flipped(volume.data(digest))
    assert client.head(f"/v2/{REPO}/blobs/{digest}").status == 200
    assert verifier.collect()["moved"] == 1
    answer = client.put(f"/v2/{REPO}/manifests/again", image.manifest, {"Content-Type": image.media_type})
    assert (answer.status, answer.code()) == (400, "MANIFEST_BLOB_UNKNOWN"), answer
    assert digest.encode() in answer.body
    assert push_as_docker(client, REPO, digest, image.layers[1])
    push_manifest(client, REPO, "again", image.manifest)
    assert_pulls(client, image, "again")


def test_one_push_heals_all_repositories(client, volume, verifier, image):
    other = push_image(client, "other/repo", "tag", layers=image.layers)
    digest = sha256(image.layers[1])
    flipped(volume.data(digest))
    report = verifier.collect()
    assert {finding["what"].partition(":")[0] for finding in report["findings"]} == {"sha256", REPO, "other/repo"}
    push_blob(client, "third/repo", image.layers[1])
    assert_pulls(client, image)
    assert_pulls(client, other, name="other/repo")


# links


def test_what_links_lead_to(client, volume, verifier, image):
    child = push_image(client, REPO, None, seed="child")
    listed = push_manifest(client, REPO, "multi", index([child.manifest]), "application/vnd.oci.image.index.v1+json")
    lone = push_blob(client, REPO, b"in no manifest")
    volume.data(sha256(image.layers[0])).unlink()
    volume.data(lone).unlink()
    volume.revision(REPO, child.digest).unlink()
    volume.current(REPO, "tag").write_text("sha256:" + "0" * 64)
    before = volume.listing()
    report = verifier.collect()
    assert {(finding["what"], finding["reason"]) for finding in report["findings"]} == {
        (f"{REPO}: manifest {image.digest}", f"its layer {sha256(image.layers[0])} is missing"),
        (f"{REPO}: layer {sha256(image.layers[0])}", "it is linked, and its data is missing"),
        (f"{REPO}: layer {lone}", "it is linked, and its data is missing"),
        (f"{REPO}: manifest {listed}", f"its manifest {child.digest} is missing"),
        (f"{REPO}: tag tag", "its manifest sha256:" + "0" * 64 + " is missing")}
    assert (report["missing"], report["finding_count"]) == (5, 5)
    assert volume.listing() == before


# the command


@pytest.fixture
def command(command_on_volume):
    return functools.partial(command_on_volume, "verify")


def test_the_command_and_nothing_wrong(command, switch, volume, image):
    switch()
    before = volume.listing()
    done = command()
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout.splitlines() == [
        f"4 blobs ({sum(volume.blobs().values()) / 1024:.1f} KiB) and 1 manifests in 1 repositories verified: "
        "0 damaged, 0 moved aside, 0 missing, 0 cannot be read"]
    done = command("-q")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", ""), done
    assert volume.listing() == before


def test_the_command_and_damage(command, switch, server, volume, image):
    digest = sha256(image.layers[1])
    flipped(volume.data(digest))
    wrong = volume.data(digest).read_bytes()
    switch()
    before = volume.listing()
    done = command("--dry-run")
    damaged = f"{digest}: damaged: {len(wrong)} bytes that are {sha256(wrong)}"
    broken = f"{REPO}: manifest {image.digest}: its layer {digest} is "
    assert done.returncode == 1, done
    assert done.stdout.splitlines()[:-1] == [damaged, broken + "damaged"]
    assert done.stderr == "2 findings\n"
    assert volume.listing() == before
    done = command("-q")
    assert done.returncode == 1, done
    moved = volume.quarantined(digest)
    assert [path.read_bytes() for path in moved] == [wrong]
    assert done.stdout.splitlines() == [
        f"{damaged}; moved to /{moved[0].relative_to(volume.root)}", broken + "missing",
        f"{REPO}: layer {digest}: it is linked, and its data is missing"]
    assert command().returncode == 1
    if not server.alive():
        server.start()
    push_blob(server.client(), REPO, image.layers[1])
    assert command().returncode == 0
    assert volume.quarantined(digest) == moved


def test_the_command_cannot_do_it(command, server, scratch):
    """Which is neither 0 nor 1."""
    for words in (["--nonsense"], ["--delete-untagged"], ["one", "two"]):
        assert command(*words).returncode == 2
    config = scratch / "other.yml"
    config.write_text(f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {scratch}/none\n")
    for word in (config, scratch / "no.yml"):
        done = process.run([str(binary_path(True)), "verify", str(word)], check=False)
        assert done.returncode == 2, done
        assert done.stderr, done


def test_the_command_beside_a_run(command, verifier, volume, client, image):
    """The server's number says that it has done two."""
    run = verifier.begin()
    done = command()
    assert done.returncode == 0, done
    assert verifier.status()["run"] == run + 1
    assert done.stderr in ("", "a verification is running already: waiting for it\n")


def test_a_run_that_is_stopped(command, client, volume, verifier, image):
    verifier.begin()
    assert verifier.stop().status == 202
    assert verifier.wait_until_idle()["outcome"] in ("stopped", "done")
    assert_clean(verifier.collect())


def test_it_is_not_for_everyone(client):
    for method in ("GET", "POST", "DELETE"):
        assert client.request(method, VERIFICATION).status == 404


# read-only


def test_read_only_tells_and_moves_nothing(server, client, volume, verifier, image):
    admin, digest = Admin(server.root), sha256(image.layers[1])
    flipped(volume.data(digest))
    emptied(volume.data(image.digest))
    assert admin.put("/admin/readonly", b'{"readonly":true}').status == 200
    assert client.get(f"/v2/{REPO}/manifests/tag").status == 404
    before = volume.listing()
    report = verifier.collect()
    assert (report["damaged"], report["moved"], report["moves"]) == (2, 0, False), report
    assert volume.listing() == before
    assert admin.put("/admin/readonly", b'{"readonly":false}').status == 200
    wait_until(lambda: volume.quarantined(image.digest), "the manifest being moved aside")
    assert verifier.collect()["moved"] == 1
    assert volume.quarantined(digest)


# by itself


def test_by_itself(start):
    server = start(REGISTRY_VERIFY_INTERVAL="1s", REGISTRY_VERIFY_RATE="0")
    client, volume, verifier = server.client(), Volume(server.root), Verifier(server.root)
    image = push_image(client, REPO, "tag")
    for how, digest in zip(DAMAGE.values(), [*parts(image), image.digest]):
        how(volume.data(digest))
        wait_until(lambda digest=digest: volume.quarantined(digest), "what is damaged being moved aside", 30)
    report = wait_until(lambda: verifier.by_itself()["last"], "the end of it")
    assert report["moves"] and report["finding_count"] > 0
    push_image(client, REPO, "tag")
    wait_until(lambda: verifier.by_itself()["last"]["finding_count"] == 0, "a pass without findings", 30)
    assert verifier.status()["last"] is None


def test_it_goes_on_after_a_restart(start):
    """Slowly; what is behind it is not read again."""
    count = 40
    server = start(REGISTRY_VERIFY_INTERVAL="0", REGISTRY_VERIFY_RATE="640KiB")  # ten blobs in a second
    verifier = Verifier(server.root)
    for number in range(count):
        push_blob(server.client(), REPO, b"blob %d" % number)
    server.environment["REGISTRY_VERIFY_INTERVAL"] = "1s"
    server.restart()

    def read_so_far():
        report = verifier.by_itself()["report"]
        return report if report and report["blobs"] >= 5 else None

    before = wait_until(read_so_far, "some blobs being read", 30)
    server.restart()
    after = wait_until(read_so_far, "the pass going on", 30)
    assert after["started"] == before["started"]
    assert after["blobs"] >= before["blobs"] and after["position"] >= before["position"]
    last = wait_until(lambda: verifier.by_itself()["last"], "its end", 60)
    assert (last["started"], last["outcome"]) == (before["started"], "done")
    assert last["blobs"] == count, last


def test_it_can_be_switched_off(start):
    server = start(REGISTRY_VERIFY_INTERVAL="0")
    assert Verifier(server.root).by_itself()["interval_s"] == 0
    assert_clean(Verifier(server.root).collect())


def test_the_last_report_survives_a_restart(server, verifier, client, volume, image):
    flipped(volume.data(sha256(image.layers[0])))
    report = verifier.collect()
    assert report["moved"] == 1
    server.restart()
    assert Verifier(server.root).status()["last"] == report
