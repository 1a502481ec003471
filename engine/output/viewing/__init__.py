"""What a run shows of itself while it plays: ``channel`` makes ``snapshot``s of it, thirty a second, for any number of viewers.

    channel = Channel(session.rig, opened, session.performance)
    with channel.opened():
        viewer = channel.viewer()
        while not channel.over:
            if snapshot := viewer.look(timeout_s=1):
                print(snapshot.as_json())

A viewer reads and changes nothing. What it wants to change it asks for as a typed line does, by ``rig.steering.post(words, asker)``.
"""
