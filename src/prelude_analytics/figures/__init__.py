"""Figures from memory: the rollups that were asked about stay here by columns, a UTC day at a time, and what has changed is read again.

A request opens one snapshot of the database. It learns the watermark and the version of each day there, reads the days that it has in
another version, or not at all, and counts in arrays. So what it answers is of one snapshot, as if all had been read.

    tables  ->  words, frames  ->  memory  ->  reading  ->  sums
"""
