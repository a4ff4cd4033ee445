# tutti_public_only(TARGET): the project's warnings and sanitizers for a program that sees nothing but the public headers.
function(tutti_public_only target)
  target_compile_features(${target} PRIVATE cxx_std_20 c_std_99)
  target_compile_options(${target} PRIVATE $<TARGET_PROPERTY:tutti_options,INTERFACE_COMPILE_OPTIONS>)
  target_link_options(${target} PRIVATE $<TARGET_PROPERTY:tutti_options,INTERFACE_LINK_OPTIONS>)
endfunction()
