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
  unsigned char token[16];
  if (::getentropy(token, sizeof(token)) != 0) {
    llvm::Error error = makeSystemError("random bytes");
    ::close(descriptor);
    return std::move(error);
  }
  return std::unique_ptr<LocalServer>(new LocalServer(
      descriptor, ntohs(address.sin_port),
      llvm::toHex(token, /*LowerCase=*/true), std::move(handler)));
}

std::string LocalServer::getUrl() const {
  return "http://127.0.0.1:" + std::to_string(port) + "/" + token + "/";
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

/// The values of a header, for each time that it occurs.
static std::vector<std::string> findHeader(llvm::StringRef head,
                                           llvm::StringRef name) {
  std::vector<std::string> values;
  llvm::SmallVector<llvm::StringRef> lines;
  head.split(lines, "\r\n");
  for (llvm::StringRef line : llvm::drop_begin(lines)) {
    auto [found, value] = line.split(':');
    if (found.equals_insensitive(name))
      values.push_back(value.trim().str());
  }
  return values;
}

/// The value of Content-Length, 0 without one; nothing if it is no number.
static std::optional<size_t> findLength(llvm::StringRef head) {
  std::vector<std::string> values = findHeader(head, "content-length");
  if (values.empty())
    return 0;
  size_t length = 0;
  if (llvm::StringRef(values.front()).getAsInteger(10, length) ||
      length > kLargestBody)
    return std::nullopt;
  return length;
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
                      body.take_front(*length).str(), findHeader(head, "host"),
                      findHeader(head, "origin")},
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
                           : response.status == 403 ? "Forbidden"
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

/// What the handler says, unless the request isn't from the page.
HttpResponse LocalServer::respond(HttpRequest request) {
  std::string end = ":" + std::to_string(port);
  auto isOwn = [&](llvm::StringRef host) {
    return host == "127.0.0.1" + end ||
           host.equals_insensitive("localhost" + end);
  };
  auto isOwnOrigin = [&](llvm::StringRef origin) {
    return origin.consume_front("http://") && isOwn(origin);
  };
  if (request.hosts.size() != 1 || !isOwn(request.hosts.front()))
    return {403, "text/plain",
            "requires 127.0.0.1 or localhost, with the port, as Host\n"};
  if (!llvm::all_of(request.origins, isOwnOrigin))
    return {403, "text/plain", "requires a page of this address as Origin\n"};
  llvm::StringRef path = request.path;
  if (!path.consume_front("/" + token) || !path.starts_with("/"))
    return {403, "text/plain", "requires the whole address of the page\n"};
  request.path = path.str();
  return handler(request);
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
  answer(connection, respond(std::move(request)));
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
