"""A run in a browser of this computer. ``address`` says where, and ``program`` starts what serves it, which is a program of its own.

That program is ``__main__``: it is told the run (``feed``) and answers browsers (``server``) with what lies in ``files``. These are ours,
plain HTML, CSS and JavaScript modules, and ask for nothing from elsewhere.
"""
