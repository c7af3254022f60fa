"""Facts that several checks share, derived from the same few queries.

target(ctx)            the sender and recipient in question: as asked, else from the queue or the log
mta(ctx)               Postfix here: version, settings, services, complaints
mailer(ctx)            the mailer that is this host's MTA in place of Postfix
route(ctx)             the transport and next hop that the target's mail takes, and why
tls_mode(ctx, route)   how that next hop's TLS is set up
unheard(ctx, route, a) the EHLO keywords of a server that Postfix is configured to ignore
exchangers(ctx, name)  a domain's mail exchangers by RFC 5321 5.1 and RFC 7505
stands(ctx, name)      where main.cf sets a parameter
earlier(ctx, path)     copies of a file that were left beside it
postfix_log(ctx)       the day's log, as lines
mail_log(ctx)          the same, read once
since_start(ctx)       its newest lines, back to Postfix's last start
queue(ctx)             the queue's summary
foreign(ctx, reason)   what a text names that does not belong to this host
fingerprint(ctx, hide) a hash that is equal on hosts with the same Postfix configuration
relay_of(ctx)          which relay a sender's mail to a recipient takes, for reading the log
"""

from diagnose.facts import mailers
from diagnose.facts.asks import Asks
from diagnose.facts.fingerprint import fingerprint
from diagnose.facts.mail import log_reply, mail_log, now, queue, queue_problem, settings_read, since_start, target
from diagnose.facts.mailers import Mailer, mailer
from diagnose.facts.master import greeting, master, queue_manager, unread
from diagnose.facts.names import exchangers
from diagnose.facts.own import foreign
from diagnose.facts.postfix import Mta, earlier, mta, origin, postfix_log, stands
from diagnose.facts.route import (
    ANYBODY,
    Route,
    TlsMode,
    failures,
    is_hop,
    next_hop_hosts,
    relay_of,
    route,
    tls_mode,
    unheard,
)
