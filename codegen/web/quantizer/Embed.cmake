# cmake -D input=FILE -D output=FILE -P Embed.cmake
#
# Writes the bytes of a file as an array of C++.
file(READ ${input} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
# Lines that editors and compilers like.
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
file(WRITE ${output} "static constexpr unsigned char kQuantizer[] = {\n${bytes}\n};\n")
