# SPDX-License-Identifier: Apache-2.0
"""What the tests stand on: a server, its clients, and the bytes they move."""
