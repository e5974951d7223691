"""Compares nearfield with other nearest-neighbour libraries; run by scripts/bench-peers.

options.py    the command line
work.py       the working folder, child processes, messages
fetch.py      public vectors from package registries
bootstrap.py  a smoothed bootstrap of tracks
datasets.py   vectors, queries and a built snapshot for each dataset
families.py   weights of queries
truth.py      the exact score, the true threshold, recall: one rule for everybody
nearfield.py  builds and searches of nearfield
libraries.py  the other libraries behind one class each
install.py    puts them into the environment, or says why one is left out
worker.py     builds or searches one library in a process of its own
numpy_scan.py the scan and the re-ranking in NumPy
results.py    what is measured of one setting
measure.py    all systems over one dataset, in interleaved rounds
filters.py    nearfield under filters
summary.py    best settings and ratios
plots.py      figures
report.py     Markdown
machine.py    what it ran on
"""
