"""What to do about a cause on this very host: typed steps, made from what the diagnosis saw and this host's own state.

steps.py      what can be done to a host, as data
edits.py      what a step makes of a file: bytes to bytes
plan.py       steps, what only a person knows, and who else must act
evidence.py   what a plan is made of
<section>.py  the plans of the section's causes
"""

from diagnose.remedy.plan import Ask, Plan
