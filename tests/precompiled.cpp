// Has the headers compiled that tests share (TUTTI_PRECOMPILE).
