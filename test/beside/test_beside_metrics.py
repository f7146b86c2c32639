# SPDX-License-Identifier: Apache-2.0
"""The original's metrics: what this server has, too, has the same name, type, labels and bounds."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness import process
from harness.beside import DropIn, Side
from harness.original import SETTINGS, Original
from harness.place import scratch_folder

WATCHED = SETTINGS.replace("http:\n", "http:\n  debug: {addr: '127.0.0.1:{debug}', prometheus: {enabled: true}}\n")
CACHED = WATCHED.replace("storage:\n", "storage:\n  cache: {blobdescriptor: inmemory}\n")
# The beginning of a name, and why it is not here.
MISSING = {
    "go_": "there is no Go in it",
    "promhttp_": "it tells of the library that makes the original's page",
    "registry_storage_cache": "nothing of the storage is kept in memory",
}
NO_VALUES = {("URLFor",)}  # nobody is sent to a file
LABELS = {"registry_storage_action_seconds": {"action"}, "registry_http_requests": {"handler", "method"},
          "registry_http_request_duration_seconds": {"handler", "method"}}  # whose values are compared, too


def walk(side):
    """Something of everything."""
    client = side.fill().client
    for target in ("/v2/", "/v2/_catalog", "/v2/b/tags/list", "/v2/a/repo/manifests/tag", "/v2/a/repo/manifests/none",
                   f"/v2/a/repo/blobs/{side.words['BLOB']}"):
        client.get(target)
    client.delete(f"/v2/a/repo/manifests/{side.words['IMAGE']}")


def families(server, settings):
    debug = process.free_port()
    server.settings = settings.replace("{debug}", str(debug))
    try:
        client = server.start().client()
        walk(Side(client))
        client.port = debug
        text = client.get("/metrics").body.decode()
        return {family.name: family for family in text_string_to_metric_families(text)}
    finally:
        server.stop()


@pytest.fixture(scope="module")
def both():
    with scratch_folder() as folder:
        for name in ("original", "root", "ours"):
            (folder / name).mkdir()
        yield (families(Original(folder / "original", folder / "root"), CACHED),
               families(DropIn(folder / "ours", WATCHED), WATCHED))


def shape(family):
    """Its type, the labels of its samples, and their bounds."""
    return (family.type, {frozenset(sample.labels) for sample in family.samples},
            {sample.labels["le"] for sample in family.samples if "le" in sample.labels})


def test_what_is_the_same(both):
    theirs, ours = both
    missing = {name for name in theirs if name not in ours}
    assert missing == {name for name in theirs if name.startswith(tuple(MISSING))}
    for name in theirs.keys() - missing:
        their_kind, their_labels, their_bounds = shape(theirs[name])
        kind, labels, bounds = shape(ours[name])
        assert (kind, labels) == (their_kind, their_labels), name
        assert {float(bound) for bound in bounds} == {float(bound) for bound in their_bounds}, name


@pytest.mark.parametrize("name", LABELS)
def test_the_same_values_of_labels(both, name):
    theirs, ours = ({tuple(sample.labels[label] for label in sorted(LABELS[name])) for sample in family[name].samples}
                    for family in both)
    assert theirs - NO_VALUES <= ours, f"missing: {theirs - ours}"
