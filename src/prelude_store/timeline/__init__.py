"""The timeline: the log once more, by columns and UTC days, so that questions about what follows what are quick.

``build`` makes days, ``follow`` learns from the lanes which have changed, ``tend`` does both a piece at a time, ``raw`` reads the same
columns out of the log itself, and ``columns`` says how they are laid out.
"""
