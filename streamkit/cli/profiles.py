"""`streamkit profiles [NAME]`: list the known gateways, or print the settings of one."""

from __future__ import annotations

import argparse
from typing import Any

from attrs import asdict

from ..errors import UsageError
from ..profiles.known import GENERIC, PROFILES
from ..profiles.profile import Profile
from .arguments import set_help
from .output import print_json, print_line


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `profiles`."""
    set_help(
        parser,
        "List the gateways that --profile knows: name, API, variable of the key, address. If NAME is given, "
        "print the settings of that gateway as JSON, which `load_profiles` reads.",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="the gateway to print")
    parser.add_argument("--json", action="store_true", help="print all settings of all gateways as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the table, or one profile."""
    if args.name is not None:
        profile = PROFILES.get(args.name)
        if profile is None:
            raise UsageError(f"NAME: expected one of {', '.join(sorted(PROFILES))}, got {args.name!r:.60}")
        print_json({profile.name: own_fields(profile)}, indent=2)
        return 0
    if args.json:
        print_json({profile.name: own_fields(profile) for profile in PROFILES.values()}, indent=2)
        return 0
    for profile in PROFILES.values():
        key = profile.key_env or "no key"
        print_line(f"{profile.name:<15} {profile.wire:<10} {key:<26} {profile.base_url or '(yours)'}")
    return 0


def own_fields(profile: Profile) -> dict[str, Any]:
    """Return the fields that differ from those of the generic profile."""
    generic = asdict(GENERIC)
    return {k: v for k, v in asdict(profile).items() if k != "name" and v != generic[k]}
