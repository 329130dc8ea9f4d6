//===- ElfSectionTest.cpp - Objects that take no section ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights are only embedded where the object has a place for them.
//
//===----------------------------------------------------------------------===//

#include "ElfSection.h"
#include "TestSupport.h"
#include "llvm/Object/ELFTypes.h"

#include <cstring>

using namespace lowbit;
using namespace lowbit::testing;

namespace {

using Elf = llvm::object::ELF64LE;

/// An object of `sections` sections: none, or the empty first one and the table
/// of names, which is empty.
std::string makeObject(unsigned sections) {
  std::string bytes(sizeof(Elf::Ehdr) + 2 * sizeof(Elf::Shdr) + 1, '\0');
  auto *header = reinterpret_cast<Elf::Ehdr *>(bytes.data());
  std::memcpy(header->e_ident,
              "\x7f"
              "ELF",
              4);
  header->e_ident[llvm::ELF::EI_CLASS] = llvm::ELF::ELFCLASS64;
  header->e_ident[llvm::ELF::EI_DATA] = llvm::ELF::ELFDATA2LSB;
  if (sections == 0)
    return bytes;
  header->e_shoff = sizeof(Elf::Ehdr);
  header->e_shentsize = sizeof(Elf::Shdr);
  header->e_shnum = sections;
  header->e_shstrndx = 1;
  auto *names = reinterpret_cast<Elf::Shdr *>(bytes.data() + sizeof(Elf::Ehdr) +
                                              sizeof(Elf::Shdr));
  names->sh_type = llvm::ELF::SHT_STRTAB;
  names->sh_offset = bytes.size() - 1;
  names->sh_size = 1;
  return bytes;
}

std::string append(llvm::StringRef object) {
  std::string text;
  llvm::raw_string_ostream os(text);
  return llvm::toString(
      appendElfSection(object, {".weights", "model_weights", 0}, os,
                       [] { return llvm::Error::success(); }));
}

} // namespace

TEST(ElfSection, RequiresAPlaceInTheObject) {
  EXPECT_EQ("embedding weights requires an object of 64-bit little-endian ELF; "
            "keep them in their file",
            append("no object"));
  EXPECT_EQ("embedding weights requires an object of 1 to 65278 sections, "
            "found 0",
            append(makeObject(0)));
  EXPECT_EQ("the object has no undefined symbol 'model_weights'",
            append(makeObject(2)));
}
