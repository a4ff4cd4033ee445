// Has the headers compiled that the layers share (TUTTI_PRECOMPILE).
