"""The lab: a throw-away machine per fault, with a real Postfix in a simulated network. `tests/lab/table --help`.

    fault.py        what a case is          machine.py   the machine        network.py  its four namespaces
    faults/         the cases, by section   steps.py     what is done to it  internet/  names and servers outside
    run.py          ask the tool, judge     figures.py   the sums            table      the command
    composed/       machines drawn at random from bases, faults, shapes and distractors

A case is a literal: what is done before Postfix starts (`setup`) and after (`then`), how the internet differs (`world`),
and the line that the mail log must show before the tool is asked (`shows`). A case whose line does not come is an error
of the lab, never an answer: `tests/lab/table --check NAME` proves a case without the tool, `--shell NAME` opens it.

What is not as on a customer's machine: Postfix waits two to four seconds where it would wait thirty to three hundred
(smtp_*_timeout in machine.py), logs by itself (maillog_file) unless the case keeps a journal, and process 1 only reaps.
"""
