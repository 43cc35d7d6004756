#!/usr/bin/awk -f
# An output in awk, as it was written before version 1 of the protocol: what it prints is shown to the user.

NR == 1 { next } # the command line

match($0, /"square":[0-9]+/) { sum += substr($0, RSTART + 9, RLENGTH - 9); records++ }

END { printf "%d records, the squares add up to %d\n", records, sum }
