# cmake -D… -P consume.cmake: builds and runs tests/consume/project with tutti got by WAY. One variable each:
# WAY, PROJECT (its folder), BINARY (a scratch folder), PREFIX (where tutti was installed), LIBDIR (within it),
# TUTTI_SOURCE, STATIC, OPTIONS (more arguments of its configuration).
set(ENV{PKG_CONFIG_PATH} ${PREFIX}/${LIBDIR}/pkgconfig)
set(ENV{LD_LIBRARY_PATH} ${PREFIX}/${LIBDIR}) # as a user of another prefix does who installs no ld.so.conf entry

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} --fresh --no-warn-unused-cli -S ${PROJECT} -B ${BINARY} -G Ninja ${OPTIONS}
    -DWAY=${WAY} -DSTATIC=${STATIC} -DTUTTI_SOURCE=${TUTTI_SOURCE} -DCMAKE_PREFIX_PATH=${PREFIX})
run(${CMAKE_COMMAND} --build ${BINARY})
run(${BINARY}/in_c)
run(${BINARY}/in_cpp)
