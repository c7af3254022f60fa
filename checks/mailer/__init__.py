"""The MTA of a host that has no Postfix: Exim, msmtp, nullmailer and others."""
