"""Who operates this network, what is its policy on outgoing mail, and who lifts a block?"""

import ipaddress
import re

from diagnose.check import ANY, Context, Lookup, Observations, Read, SignSpec, ask_all, check, ok, unknown, warn
from diagnose.facts.network import mail_port, public_address, service
from diagnose.facts.packets import own_tried
from diagnose.knowledge.labels import Network
from diagnose.knowledge.recognise import network_of
from diagnose.model import Scalar

DMI = (
    "sys_vendor", "product_name", "product_serial", "product_uuid", "bios_vendor", "chassis_asset_tag", "board_vendor",
    "chassis_vendor", "product_version",
)  # fmt: skip
CLOUD_ID = "/run/cloud-init/cloud-id"


@check(
    id="network-owner",
    title="Network owner",
    signs=(
        SignSpec("owner.network", gauge="network"),
        SignSpec("owner.policy", {"port": ANY, "service": ANY}),
        "owner.address",
    ),
    informational=("owner.network", "owner.address"),
    tags=("network", "relay-choice"),
    timeout=10.0,
)
def check_network_owner(ctx: Context) -> Observations:
    dmi = {name: ctx.ask(Read(f"/sys/class/dmi/id/{name}", limit=400)).text.strip() for name in DMI}
    dmi["hypervisor_uuid"] = ctx.ask(Read("/sys/hypervisor/uuid", limit=100)).text.strip()
    cloud = ctx.ask(Read(CLOUD_ID, limit=100)).text.strip() or None
    address = public_address(ctx) if ctx.settings.network else ""
    asn, name, rdns = _registered(ctx, address) if address else (None, "", "")
    if address:
        text = f"this host is seen as {address}" + (f" ({rdns})" if rdns else "")
        text += f", in AS{asn} {name}".rstrip() if asn else ""
        yield ok("owner.address", address, text, address=address, asn=asn, as_name=name, ptr=rdns)
    found = network_of(asn, dmi, rdns or None, cloud)
    if found is None:
        where = name or (f"AS{asn}" if asn else "")
        if where:
            yield ok(
                "owner.network", where, f"the network belongs to {where}; its port policy is not known", as_name=where
            )
        else:
            yield unknown("owner.network", "network", "Could not determine whose network this is")
        return
    by = (
        "cloud-init"
        if cloud in found.cloud_ids
        else ("address" if network_of(None, dmi, None, cloud) is None else "DMI")
    )
    yield ok("owner.network", found.name, f"this host is in the network of {found.name} (according to its {by})",
             network=found.id, network_name=found.name)  # fmt: skip
    yield from _policy(ctx, found)


def _policy(ctx: Context, found: Network) -> Observations:
    policy = found.policy
    if policy is None:
        return
    way = mail_port(ctx)
    port = way.port
    ports = ", ".join(str(number) for number in policy.ports) or "SMTP"
    how = found.unblock.how if found.unblock else ""
    url = (found.unblock.url if found.unblock else "") or policy.source
    data: dict[str, Scalar] = {
        "network": found.id,
        "network_name": found.name,
        "port": port,
        "service": service(way),
        "ports": ports,
        "url": url,
        "how": how,
    }
    if way.known and any(t.here for t in own_tried(ctx, way)):
        text = f"could not check what {found.name} does to TCP {port}: the packets end on this host"
        yield unknown("owner.policy", found.name, text, **data)
    elif policy.default in ("blocked", "conditional") and port in policy.ports:
        whom = "" if policy.default == "blocked" else " for some customers"
        text = f"{found.name} blocks outgoing TCP {ports}{whom}. {policy.text} ({policy.source})"
        yield warn("owner.policy", found.name, text, default=policy.default, **data)
    else:
        yield ok("owner.policy", found.name, f"no rule of {found.name} against TCP {port} is known", **data)


def _registered(ctx: Context, address: str) -> tuple[int | None, str, str]:
    """(AS number, its name, PTR name), by Team Cymru's DNS service and the reverse tree."""
    here = ipaddress.ip_address(address)
    reverse = here.reverse_pointer
    labels = reverse.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    zone = "origin.asn.cymru.com" if here.version == 4 else "origin6.asn.cymru.com"
    asked = [Lookup(reverse, "PTR", timeout=2.0)]
    if ctx.settings.curious:
        asked.append(Lookup(f"{labels}.{zone}", "TXT", timeout=2.0))
    pointer, *origin = ask_all(ctx, asked)
    rdns = pointer.answers[0].rstrip(".") if pointer.answers else ""
    number = re.match(r'"?(\d{1,10})\b', origin[0].answers[0]) if origin and origin[0].answers else None
    if number is None:
        return None, "", rdns
    named = ctx.ask(Lookup(f"AS{number[1]}.asn.cymru.com", "TXT", timeout=2.0))
    name = named.answers[0].strip('"').rpartition("|")[2].strip() if named.answers else ""
    return int(number[1]), name, rdns
