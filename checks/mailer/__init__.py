"""The MTA of a host without Postfix: Exim, msmtp, nullmailer and others."""
