//===- LocalServer.h - a page's files, and what it sends back ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// As much of HTTP/1.1 as a browser on the same machine needs: GET and POST
// with a length, one request for each connection. Browsers open connections
// ahead and leave them silent, so all of them are waited for at once.
//
// Other pages in the same browser can reach 127.0.0.1 as well, under names of
// their own that resolve to it (DNS rebinding), or by posting blindly. What is
// asked for under another name than 127.0.0.1 or localhost, by a page from
// elsewhere, or without the random part of the address is refused.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_BROWSER_LOCALSERVER_H
#define LOWBIT_TOOLS_LIB_BROWSER_LOCALSERVER_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lowbit {

/// A request that has arrived whole.
struct HttpRequest {
  /// `path` begins with a slash; escapes are resolved, and what a `?` begins is
  /// cut off.
  std::string method, path, body;
  /// The values of the headers Host and Origin, for each time that they occur.
  std::vector<std::string> hosts, origins;
};

struct HttpResponse {
  int status = 200;
  std::string type = "text/plain", body;
  /// The answer never comes: the connection stays open for as long as the page
  /// that asked is there.
  bool isHeld = false;
};

/// Listens on 127.0.0.1, at a port that the system chooses.
class LocalServer {
public:
  using Handler = std::function<HttpResponse(const HttpRequest &)>;

  static llvm::Expected<std::unique_ptr<LocalServer>> create(Handler handler);
  ~LocalServer();

  /// Where the page is: `http://127.0.0.1:PORT/TOKEN/`. Handlers see what
  /// follows the token, from the slash on.
  std::string getUrl() const;

  /// Answers what arrives in the next `milliseconds`. Fails if the system
  /// refuses to wait.
  llvm::Error serve(int milliseconds);

  /// Whether all answers have been sent.
  bool isIdle() const;

  /// Whether the other end of a held connection has closed it.
  bool hasLostPage() const { return lostPage; }

private:
  struct Connection {
    int descriptor;
    std::string received, answer;
    size_t sent = 0;
    bool isAnswered = false, isHeld = false, isClosed = false;
  };

  LocalServer(int descriptor, unsigned port, std::string token, Handler handler)
      : descriptor(descriptor), port(port), token(std::move(token)),
        handler(std::move(handler)) {}
  HttpResponse respond(HttpRequest request);
  void accept();
  void receive(Connection &connection);
  void send(Connection &connection);
  void answer(Connection &connection, const HttpResponse &response);

  int descriptor;
  unsigned port;
  /// What only who was given the address knows.
  std::string token;
  Handler handler;
  std::vector<Connection> connections;
  bool lostPage = false;
};

/// The first request in `text`, and whether it is there as a whole; one that is
/// none of HTTP or has no length that can be read has an empty method.
std::pair<HttpRequest, bool> parseHttpRequest(llvm::StringRef text);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_BROWSER_LOCALSERVER_H
