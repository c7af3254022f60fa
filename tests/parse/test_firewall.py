"""Local firewall rules are judged as the kernel judges them, as far as text can tell, and doubts are said."""

import pytest
from hypothesis import given, settings, strategies as st

from diagnose.parse.system import iptables, nft
from diagnose.parse.system.packet import Packet, Verdict
from diagnose.parse.system.ruleset import judge

UFW = """*filter
:INPUT DROP [0:0]
:OUTPUT ACCEPT [5:300]
:ufw-user-output - [0:0]
-A OUTPUT -o lo -j ACCEPT
-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A OUTPUT -p tcp -m tcp --dport 26 -m owner --uid-owner 102 -j ACCEPT
-A OUTPUT -j ufw-user-output
[3:180] -A ufw-user-output -p tcp -m multiport --dports 25:26,465 -m comment --comment "no \\"mail\\"" -j REJECT --reject-with tcp-reset
-A ufw-user-output -d 203.0.113.5/32 -p tcp -m tcp --dport 587 -j DROP
-A ufw-user-output -p tcp -m tcp --dport 2525 -m limit --limit 3/min -j ACCEPT
-A ufw-user-output -p tcp -m tcp --dport 2525 -j DROP
-A ufw-user-output -o eth1 -p tcp -m tcp --dport 2587 -j DROP
-A ufw-user-output -p udp -m udp --dport 443 -j DROP
COMMIT
*nat
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p tcp -m tcp --dport 8025 -m owner ! --uid-owner 0 -j REDIRECT --to-ports 25
COMMIT
"""


def tables(packet: Packet, text: str = UFW) -> Verdict:
    return judge(iptables.parse(text, packet.family), packet)


def test_a_reject_and_who_owns_it() -> None:
    found = tables(Packet(port=25))
    assert (found.action, found.owner, found.packets) == ("reject", "ufw", 3)
    assert found.certain
    assert found.stops
    assert not found.by_user


def test_an_earlier_accept_for_one_user() -> None:
    assert tables(Packet(port=26, uid=102)).action == "accept"
    other = tables(Packet(port=26, uid=0))
    assert (other.action, other.by_user) == ("reject", True)
    assert not tables(Packet(port=26)).certain


@pytest.mark.parametrize(
    ("packet", "action", "certain"),
    [
        (Packet(port=80), "accept", True),
        (Packet(port=443), "accept", True),
        (Packet(port=587), "accept", True),
        (Packet(port=587, destination="203.0.113.5"), "drop", True),
        (Packet(port=2525), "drop", False),
        (Packet(port=2587, oif="eth1"), "drop", True),
        (Packet(port=2587, oif="eth0"), "accept", True),
        (Packet(port=2587), "accept", False),
        (Packet(port=25, oif="lo"), "accept", True),
        (Packet(port=8025, uid=5), "redirect", True),
        (Packet(port=8025, uid=0), "accept", True),
    ],
)
def test_packets(packet: Packet, action: str, certain: bool) -> None:
    found = tables(packet)
    assert (found.action, found.certain) == (action, certain)


def test_policies_and_listing_without_tables() -> None:
    text = (
        "-P INPUT ACCEPT\n-P OUTPUT DROP\n-A OUTPUT -p tcp -m tcp --dport 587 -j ACCEPT\n-A OUTPUT -p udp -j ACCEPT\n"
    )
    assert tables(Packet(port=587), text).action == "accept"
    assert (tables(Packet(port=25), text).action, tables(Packet(port=25), text).rule) == ("drop", "policy drop")
    owner = "-P OUTPUT ACCEPT\n-A OUTPUT -p tcp -m tcp --dport 25 -m owner ! --uid-owner 0 -m owner ! --gid-owner 8 -j REJECT\n"
    assert tables(Packet(port=25, uid=0), owner).action == "accept"
    assert tables(Packet(port=25, uid=7, gid=7), owner).action == "reject"
    assert not tables(Packet(port=25, uid=7), owner).certain


RULES = """# Warning: table ip filter is managed by iptables-nft, do not touch!
table ip filter {
	chain OUTPUT {
		type filter hook output priority filter; policy accept;
		tcp dport 26 skuid != 102 counter packets 7 bytes 0 reject with tcp reset
	}
}
table inet fw {
	set ports {
		type inet_service
		flags interval
		elements = { 25, 465, 587,
				2500-2599 }
	}
	map verdicts {
		type inet_service : verdict
		elements = { 1025 : drop, 1026 : accept }
	}
	chain mail {
		ip daddr 192.0.2.0/24 accept comment "the { relay }"
		meta skuid { "postfix", 0 } tcp dport 2525 return
		tcp dport @ports log prefix "no mail: " counter packets 3 bytes 180 drop
	}
	chain out {
		type filter hook output priority 10; policy accept;
		oifname "lo" accept
		ct state { established, related } accept
		ct state vmap { invalid : drop, established : accept }
		tcp flags & (fin | syn | rst | ack) == syn jump mail
		tcp dport vmap @verdicts
		ip6 daddr ::/0 tcp dport 80 reject with icmpv6 admin-prohibited
		tcp dport 81 xt match "string" drop
	}
	chain fwd {
		type filter hook forward priority 0; policy drop;
	}
}
"""


@pytest.mark.parametrize(
    ("packet", "action", "certain"),
    [
        (Packet(port=25), "drop", True),
        (Packet(port=25, destination="192.0.2.9"), "accept", True),
        (Packet(port=25, family=6), "drop", True),
        (Packet(port=25, oif="lo"), "accept", True),
        (Packet(port=2525, uid=0), "accept", True),
        (Packet(port=2525, uid=102, users=(("postfix", 102),)), "accept", True),
        (Packet(port=2525, uid=1, users=(("postfix", 102),)), "drop", True),
        (Packet(port=26, uid=102), "accept", True),
        (Packet(port=26, uid=0), "reject", True),
        (Packet(port=26, uid=0, family=6), "accept", True),
        (Packet(port=80), "accept", True),
        (Packet(port=80, family=6), "reject", True),
        (Packet(port=81), "accept", False),
        (Packet(port=1025), "drop", True),
        (Packet(port=1026), "accept", True),
        (Packet(port=443), "accept", True),
    ],
)
def test_nft_text(packet: Packet, action: str, certain: bool) -> None:
    found = judge(nft.parse(RULES), packet)
    assert (found.action, found.certain) == (action, certain), found


def test_nft_says_where_and_how_often() -> None:
    found = judge(nft.parse(RULES), Packet(port=25))
    assert (found.table, found.chain, found.packets) == ("inet fw", "mail", 3)
    assert "tcp dport @ports" in found.rule


def test_loops_of_chains_end() -> None:
    loop = "table inet t {\n chain a {\n type filter hook output priority 0;\n jump b\n jump b\n }\n chain b {\n jump a\n jump a\n }\n}\n"
    assert judge(nft.parse(loop), Packet(port=25)).action == "accept"
    text = "-P OUTPUT ACCEPT\n-N a\n-A OUTPUT -j a\n-A a -j a\n-A a -j a\n"
    assert judge(iptables.parse(text), Packet(port=25)).action == "accept"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_mutated_rule_sets_raise_nothing(data: st.DataObject) -> None:
    for text in (RULES, UFW):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 40)))
        mutated = text[:start] + data.draw(st.text(alphabet='{}[]",;:@!-jA 25\n\tnull', max_size=8)) + text[end:]
        judge(nft.parse(mutated), Packet(port=25, uid=1))
        judge(iptables.parse(mutated), Packet(port=25, uid=1))


def test_a_group_by_name() -> None:
    """csf writes its exception with a group's name: Postfix is judged by the group that it runs with."""
    rules = "*filter\n-A OUTPUT -p tcp --dport 25 -m owner --gid-owner mail -j ACCEPT\n-A OUTPUT -p tcp --dport 25 -j DROP\nCOMMIT\n"
    groups = (("mail", 8), ("postfix", 113))
    found = tables(Packet(port=25, gid=113, groups=groups), rules)
    assert (found.action, found.certain, found.by_user) == ("drop", True, True)
    assert tables(Packet(port=25, gid=8, groups=groups), rules).action == "accept"
    assert not tables(Packet(port=25, gid=113), rules).certain
