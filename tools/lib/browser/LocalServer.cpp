//===- LocalServer.cpp - a page's files, and what it sends back -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LocalServer.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace lowbit;

/// More than any head of a request, and than any output of a model.
static constexpr size_t kLargestHead = 64 << 10, kLargestBody = 1 << 30;

static llvm::Error makeSystemError(llvm::StringRef what) {
  return makeError("the page's server requires " + what +
                   " on 127.0.0.1, the system refuses: " + strerror(errno));
}

llvm::Expected<std::unique_ptr<LocalServer>>
LocalServer::create(Handler handler) {
  int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0)
    return makeSystemError("a socket");
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto *generic = reinterpret_cast<sockaddr *>(&address);
  if (::bind(descriptor, generic, size) != 0 || ::listen(descriptor, 64) != 0 ||
      ::getsockname(descriptor, generic, &size) != 0) {
    llvm::Error error = makeSystemError("a port");
    ::close(descriptor);
    return std::move(error);
  }
  return std::unique_ptr<LocalServer>(
      new LocalServer(descriptor, ntohs(address.sin_port), std::move(handler)));
}

LocalServer::~LocalServer() {
  for (const Connection &connection : connections)
    ::close(connection.descriptor);
  ::close(descriptor);
}

/// `%41` as `A`.
static std::string resolveEscapes(llvm::StringRef text) {
  std::string result;
  while (!text.empty()) {
    if (text.size() > 2 && text[0] == '%' && llvm::isHexDigit(text[1]) &&
        llvm::isHexDigit(text[2])) {
      result += char(llvm::hexFromNibbles(text[1], text[2]));
      text = text.drop_front(3);
      continue;
    }
    result += text[0];
    text = text.drop_front();
  }
  return result;
}

/// The value of Content-Length, 0 without one; nothing if it is no number.
static std::optional<size_t> findLength(llvm::StringRef head) {
  llvm::SmallVector<llvm::StringRef> lines;
  head.split(lines, "\r\n");
  for (llvm::StringRef line : lines) {
    auto [name, value] = line.split(':');
    if (!name.equals_insensitive("content-length"))
      continue;
    size_t length = 0;
    if (value.trim().getAsInteger(10, length) || length > kLargestBody)
      return std::nullopt;
    return length;
  }
  return 0;
}

std::pair<HttpRequest, bool> lowbit::parseHttpRequest(llvm::StringRef text) {
  size_t end = text.find("\r\n\r\n");
  if (end == llvm::StringRef::npos)
    return {HttpRequest(), text.size() > kLargestHead};
  llvm::StringRef head = text.take_front(end);
  llvm::StringRef body = text.drop_front(end + 4);
  std::optional<size_t> length = findLength(head);
  llvm::SmallVector<llvm::StringRef> words;
  head.split("\r\n").first.split(words, ' ');
  bool isRequest = words.size() == 3 && words[1].starts_with("/") &&
                   words[2].starts_with("HTTP/1.");
  if (!length || !isRequest)
    return {HttpRequest(), true};
  if (body.size() < *length)
    return {HttpRequest(), false};
  return {HttpRequest{words[0].str(), resolveEscapes(words[1].split('?').first),
                      body.take_front(*length).str()},
          true};
}

void LocalServer::accept() {
  int accepted =
      ::accept4(descriptor, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted >= 0)
    connections.push_back({accepted, {}, {}});
}

void LocalServer::answer(Connection &connection, const HttpResponse &response) {
  connection.isAnswered = true;
  connection.isHeld = response.isHeld;
  connection.received.clear();
  if (response.isHeld)
    return;
  llvm::StringRef phrase = response.status == 200   ? "OK"
                           : response.status == 404 ? "Not Found"
                                                    : "Bad Request";
  connection.answer =
      ("HTTP/1.1 " + llvm::Twine(response.status) + " " + phrase +
       "\r\nContent-Type: " + response.type +
       "\r\nContent-Length: " + llvm::Twine(response.body.size()) +
       "\r\nCache-Control: no-store\r\n"
       "Connection: close\r\n\r\n" +
       response.body)
          .str();
}

void LocalServer::receive(Connection &connection) {
  char buffer[64 << 10];
  ssize_t count = ::recv(connection.descriptor, buffer, sizeof(buffer), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (count <= 0) {
    connection.isClosed = true;
    lostPage |= connection.isHeld;
    return;
  }
  if (connection.isAnswered)
    return;
  connection.received.append(buffer, size_t(count));
  auto [request, isWhole] = parseHttpRequest(connection.received);
  if (!isWhole)
    return;
  if (request.method.empty())
    return answer(connection, {400, "text/plain", "not a request\n"});
  answer(connection, handler(request));
}

void LocalServer::send(Connection &connection) {
  llvm::StringRef rest =
      llvm::StringRef(connection.answer).drop_front(connection.sent);
  ssize_t count = ::send(connection.descriptor, rest.data(), rest.size(),
                         MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (count < 0) {
    connection.isClosed = true;
    return;
  }
  connection.sent += size_t(count);
  connection.isClosed = connection.sent == connection.answer.size();
}

bool LocalServer::isIdle() const {
  return llvm::all_of(connections, [](const Connection &connection) {
    return !connection.isAnswered || connection.isHeld;
  });
}

llvm::Error LocalServer::serve(int milliseconds) {
  std::vector<pollfd> waits = {{descriptor, POLLIN, 0}};
  for (const Connection &connection : connections) {
    bool sends = connection.sent < connection.answer.size();
    waits.push_back(
        {connection.descriptor, short(sends ? POLLOUT : POLLIN), 0});
  }
  int ready = ::poll(waits.data(), waits.size(), milliseconds);
  if (ready < 0 && errno != EINTR)
    return makeSystemError("to wait for requests");
  if (ready <= 0)
    return llvm::Error::success();
  for (auto [connection, wait] :
       llvm::zip(connections, llvm::drop_begin(waits))) {
    if (wait.revents == 0)
      continue;
    if (wait.events == POLLOUT)
      send(connection);
    else
      receive(connection);
  }
  for (const Connection &connection : connections)
    if (connection.isClosed)
      ::close(connection.descriptor);
  llvm::erase_if(connections, [](const Connection &connection) {
    return connection.isClosed;
  });
  if (waits.front().revents)
    accept();
  return llvm::Error::success();
}
