"""``--show``: a run in a terminal, drawn by a program of its own, so that drawing takes nothing from who plays.

``program`` starts it and sends it lines of JSON; what it sends back are lines as they are typed. ``__main__`` is that program: ``view``
keeps what is to be seen and hears keys, ``drawing`` lays it out, ``screen`` has the terminal. It knows nothing of the engine.
"""
