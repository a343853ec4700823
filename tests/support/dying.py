"""`driftd` that kills itself with SIGKILL at a given point, which $DIE_AT names: `call` or `return`, and a function of driftd.

DIE_AT="return retrain.repository.git:Git.update" python -m support.dying run -c driftd.yaml
"""

import importlib
import os
import signal


def arm(how: str, what: str) -> None:
    module, _, attribute = what.partition(":")
    *path, name = attribute.split(".")
    owner = importlib.import_module(f"driftd.{module}")
    for part in path:
        owner = getattr(owner, part)
    function = getattr(owner, name)

    def dying(*args, **kwargs):
        if how == "return":
            function(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying)


if __name__ == "__main__":  # and not in a worker, which imports the main module
    from driftd.cli.main import main

    arm(*os.environ["DIE_AT"].split(" ", 1))
    main()
