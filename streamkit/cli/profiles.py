"""`streamkit profiles [NAME]`: the gateways that are known by name, and what is known of them."""

from __future__ import annotations

import argparse
import json
from typing import Any

from attrs import asdict

from ..profiles import find_profile
from ..profiles.known import GENERIC, PROFILES
from ..profiles.profile import Profile
from .output import print_line


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `profiles`."""
    parser.description = (
        "List the gateways that --profile knows: name, API, address, variable of the key. With "
        "NAME, what sets that one apart, as JSON that `load_profiles` reads."
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="the gateway to tell about")


def run(args: argparse.Namespace) -> int:
    """The table, or one profile."""

    if args.name is not None:
        profile = find_profile(args.name)
        print(json.dumps({profile.name: own_fields(profile)}, ensure_ascii=False, indent=2))
        return 0
    for profile in PROFILES.values():
        key = profile.key_env or "no key"
        print_line(f"{profile.name:<12} {profile.wire:<10} {key:<24} {profile.base_url or '(yours)'}")
    return 0


def own_fields(profile: Profile) -> dict[str, Any]:
    """The fields that differ from those of a server that nothing is known of."""

    generic = asdict(GENERIC)
    return {k: v for k, v in asdict(profile).items() if k != "name" and v != generic[k]}
