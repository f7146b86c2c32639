# SPDX-License-Identifier: Apache-2.0
"""No request costs a tenth more than it did: test/bench/COSTS has what it cost; `./dev costs` writes it anew."""

from harness import costs

TOLERANCE = 1.1


def test_costs(scratch):
    known, found = costs.known(), costs.measure(scratch)
    assert set(known) == set(found), "./dev costs"
    dear = []
    for what, cost in found.items():
        most = costs.Cost(*(TOLERANCE * number for number in known[what]))
        print(f"{what}: {cost}, at most {most}")
        if cost.instructions > most.instructions or cost.calls > most.calls:
            dear.append(f"{what}: {cost}, at most {most}")
    assert not dear, "; ".join(dear)
