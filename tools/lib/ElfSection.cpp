//===- ElfSection.cpp - a section added to an object ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The object stays as it is up to its section headers, but for the symbol and
// the file header. After it come a new table of section names, new section
// headers, and the data.
//
//===----------------------------------------------------------------------===//

#include "ElfSection.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/MathExtras.h"

using namespace lowbit;

namespace elf = llvm::ELF;
using Elf = llvm::object::ELF64LE;
using ElfFile = llvm::object::ELFFile<Elf>;

static constexpr uint64_t kAlignment = 64;

/// The place of an undefined symbol's entry in the file.
static llvm::Expected<uint64_t> findSymbol(const ElfFile &file,
                                           llvm::StringRef name) {
  auto sections = file.sections();
  if (!sections)
    return sections.takeError();
  for (const Elf::Shdr &section : *sections) {
    if (section.sh_type != elf::SHT_SYMTAB)
      continue;
    auto symbols = file.symbols(&section);
    if (!symbols)
      return symbols.takeError();
    auto strings = file.getStringTableForSymtab(section);
    if (!strings)
      return strings.takeError();
    for (const Elf::Sym &symbol : *symbols) {
      auto text = symbol.getName(*strings);
      if (!text)
        return text.takeError();
      if (*text == name && symbol.st_shndx == elf::SHN_UNDEF)
        return reinterpret_cast<const uint8_t *>(&symbol) - file.base();
    }
  }
  return makeError("the object has no undefined symbol '" + name + "'");
}

/// The section headers, with a new one at the end and the table of names moved
/// to `namesOffset`.
static std::vector<Elf::Shdr>
makeHeaders(const ElfFile &file, llvm::ArrayRef<Elf::Shdr> old,
            const ElfSection &section, uint64_t namesOffset, uint64_t namesSize,
            uint64_t dataOffset) {
  std::vector<Elf::Shdr> headers(old.begin(), old.end());
  Elf::Shdr &names = headers[file.getHeader().e_shstrndx];
  Elf::Shdr added;
  std::memset(&added, 0, sizeof(added));
  added.sh_name = namesSize - section.name.size() - 1;
  names.sh_offset = namesOffset;
  names.sh_size = namesSize;
  added.sh_type = elf::SHT_PROGBITS;
  added.sh_flags = elf::SHF_ALLOC;
  if (file.getHeader().e_machine == elf::EM_X86_64)
    added.sh_flags |= elf::SHF_X86_64_LARGE;
  added.sh_offset = dataOffset;
  added.sh_size = section.size;
  added.sh_addralign = kAlignment;
  headers.push_back(added);
  return headers;
}

/// The object with the symbol defined and room for other headers.
static std::string patch(llvm::StringRef object, uint64_t symbolOffset,
                         uint64_t size, uint64_t numSections,
                         uint64_t headersOffset) {
  std::string bytes = object.str();
  auto *header = reinterpret_cast<Elf::Ehdr *>(bytes.data());
  header->e_shoff = headersOffset;
  header->e_shnum = numSections + 1;
  auto *symbol = reinterpret_cast<Elf::Sym *>(bytes.data() + symbolOffset);
  symbol->st_shndx = numSections;
  symbol->st_value = 0;
  symbol->st_size = size;
  symbol->setBindingAndType(symbol->getBinding(), elf::STT_OBJECT);
  return bytes;
}

llvm::Error
lowbit::appendElfSection(llvm::StringRef object, const ElfSection &section,
                         llvm::raw_ostream &os,
                         llvm::function_ref<llvm::Error()> writeData) {
  auto identity = llvm::object::getElfArchType(object);
  if (identity.first != elf::ELFCLASS64 || identity.second != elf::ELFDATA2LSB)
    return makeError("embedding weights requires an object of 64-bit "
                     "little-endian ELF; keep them in their file");
  auto file = ElfFile::create(object);
  if (!file)
    return file.takeError();
  auto sections = file->sections();
  if (!sections)
    return sections.takeError();
  // Beyond, the number would not fit in the header's field.
  if (sections->empty() || sections->size() + 1 >= elf::SHN_LORESERVE)
    return makeError("embedding weights requires an object of 1 to 65278 "
                     "sections, found " +
                     llvm::Twine(sections->size()));
  auto names = file->getSectionStringTable(*sections);
  if (!names)
    return names.takeError();
  auto symbol = findSymbol(*file, section.symbol);
  if (!symbol)
    return symbol.takeError();
  std::string allNames = (*names + section.name).str() + '\0';
  uint64_t namesOffset = object.size();
  uint64_t headersOffset =
      llvm::alignTo(namesOffset + allNames.size(), alignof(uint64_t));
  uint64_t headersEnd =
      headersOffset + (sections->size() + 1) * sizeof(Elf::Shdr);
  uint64_t dataOffset = llvm::alignTo(headersEnd, kAlignment);
  std::vector<Elf::Shdr> headers = makeHeaders(
      *file, *sections, section, namesOffset, allNames.size(), dataOffset);
  os << patch(object, *symbol, section.size, sections->size(), headersOffset)
     << allNames;
  os.write_zeros(headersOffset - namesOffset - allNames.size());
  os.write(reinterpret_cast<const char *>(headers.data()),
           headers.size() * sizeof(Elf::Shdr));
  os.write_zeros(dataOffset - headersEnd);
  return writeData();
}
