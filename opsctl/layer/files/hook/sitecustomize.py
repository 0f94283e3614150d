"""What Python imports by itself in every process of an image: starts opsctl's hook, then any other sitecustomize.

It runs in processes that have nothing to do with Django, so it imports next to nothing and never fails.
"""

import os
import sys


def _start() -> None:
    names = ("OPSCTL_HEALTH", "OPSCTL_HEALTH_HOST", "OPSCTL_PROXY", "OPSCTL_STATIC", "OPSCTL_LISTEN_ADDRESS")
    if not any(os.environ.get(name) for name in names):
        return
    try:
        import opsctl_hook  # type: ignore[import-not-found]

        opsctl_hook.install()
    except Exception as error:
        sys.stderr.write(f"opsctl: the hook could not start: {' '.join(repr(error).split())}\n")


def _chain() -> None:
    """Run the sitecustomize that this one hides; its failure is told by Python, as without opsctl."""
    # NOTE: not pathlib, which takes longer to import than all of this.
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    places = [os.path.abspath(each) for each in sys.path]  # noqa: PTH100
    if here not in places:
        return
    later = sys.path[places.index(here) + 1 :]
    # Taken from where it is in use: importing importlib.machinery would cost a millisecond.
    finder = next(each for each in sys.meta_path if getattr(each, "__name__", "") == "PathFinder")
    spec = finder.find_spec("sitecustomize", later)
    if spec is None or spec.loader is None:
        return
    from importlib.util import module_from_spec

    other = sys.modules["sitecustomize"] = module_from_spec(spec)
    spec.loader.exec_module(other)


_start()
_chain()
