// Runs a language model whose weights are inside of the program, from several
// threads at once:
//
//   example TOKENS LOGITS
//
// reads 64-bit token ids from TOKENS and writes the logits to LOGITS.

#include "language.h"
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

void check(int error) {
  if (error)
    throw std::runtime_error(std::string(language_error(error)) + ": " +
                             language_message());
}

/// The model as a value.
class Language {
public:
  explicit Language(int threads) {
    language_model *loaded;
    check(language_load_embedded(&loaded));
    model.reset(loaded);
    language_set_threads(loaded, threads);
  }

  std::vector<float> run(const std::vector<int64_t> &tokens) const {
    int64_t count = static_cast<int64_t>(tokens.size());
    language_inputs inputs = {{tokens.data(), {1, count}}};
    language_outputs outputs = {};
    check(language_infer_shapes(&inputs, &outputs));
    const int64_t *shape = outputs.logits.shape;
    std::vector<float> logits(shape[0] * shape[1] * shape[2]);
    outputs.logits.data = logits.data();
    outputs.logits.capacity = logits.size() * sizeof(float);
    check(language_run(model.get(), &inputs, &outputs));
    return logits;
  }

private:
  struct Free {
    void operator()(language_model *loaded) const { language_free(loaded); }
  };
  std::unique_ptr<language_model, Free> model;
};

std::vector<int64_t> readTokens(const char *path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto *tokens = reinterpret_cast<const int64_t *>(bytes.data());
  return {tokens, tokens + bytes.size() / sizeof(int64_t)};
}

} // namespace

int main(int argc, char **argv) try {
  if (argc != 3)
    throw std::runtime_error("usage: example TOKENS LOGITS");
  std::vector<int64_t> tokens = readTokens(argv[1]);
  Language first(1), second(2);
  std::vector<float> results[3];
  std::thread workers[] = {
      std::thread([&] { results[0] = first.run(tokens); }),
      std::thread([&] { results[1] = first.run(tokens); }),
      std::thread([&] { results[2] = second.run(tokens); })};
  for (std::thread &worker : workers)
    worker.join();
  if (results[0] != results[1] || results[0] != results[2])
    throw std::runtime_error("threads disagree");
  std::ofstream file(argv[2], std::ios::binary);
  file.write(reinterpret_cast<const char *>(results[0].data()),
             results[0].size() * sizeof(float));
  std::cout << tokens.size() << " tokens, three times the same\n";
  return file ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception &error) {
  std::cerr << "error: " << error.what() << "\n";
  return EXIT_FAILURE;
}
