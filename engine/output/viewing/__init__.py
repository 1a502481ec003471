"""What a run shows of itself while it plays: ``channel`` makes ``snapshot``s of it, thirty a second, for any number of viewers.

    channel = Channel(session.rig, opened, session.performance)
    with channel.opened():
        viewer = channel.viewer()
        while not channel.over:
            if snapshot := viewer.look(timeout_s=1):
                print(snapshot.as_json())

A thread of the run's own process that handles snapshots holds Python's lock meanwhile. On a busy machine another program may take the
processor from it just then, and who plays waits for both: let it run ``with real_time()`` (engine/runtime/real_time.py), and leave drawing
and serving to another process, as ``terminal`` and ``page`` do. ``perf-bench viewing`` measures what a viewer adds to a note.

A viewer reads and changes nothing. What it wants to change it asks for as a typed line does, by ``rig.steering.post(words, asker)``.
"""
