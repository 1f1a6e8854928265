// The other end of the interoperability test on Qt WebSockets.
#include <QCoreApplication>
#include <QEventLoop>
#include <QNetworkProxy>
#include <QTextStream>
#include <QTimer>
#include <QUrl>
#include <QWebSocket>
#include <QWebSocketHandshakeOptions>
#include <QWebSocketServer>

static const QString big = QString::fromUtf8("grüße, 世界 ").repeated(20000);
static const auto code4001 = static_cast<QWebSocketProtocol::CloseCode>(4001);
static const auto code4003 = static_cast<QWebSocketProtocol::CloseCode>(4003);

static int serve(const QString &host, quint16 port)
{
    QWebSocketServer server(QStringLiteral("interop"), QWebSocketServer::NonSecureMode);
    server.setSupportedSubprotocols({QStringLiteral("chat")});
    QObject::connect(&server, &QWebSocketServer::newConnection, &server, [&server] {
        while (QWebSocket *socket = server.nextPendingConnection()) {
            QObject::connect(socket, &QWebSocket::binaryMessageReceived, socket, &QWebSocket::sendBinaryMessage);
            QObject::connect(socket, &QWebSocket::textMessageReceived, socket, [socket](const QString &text) {
                if (text == QLatin1String("bye")) {
                    socket->close(code4003, QStringLiteral("as asked"));
                } else if (text == QLatin1String("pieces")) {
                    socket->setOutgoingFrameSize(5);
                    socket->sendTextMessage(QStringLiteral("in pieces"));
                    socket->setOutgoingFrameSize(QWebSocket::maxOutgoingFrameSize());
                } else {
                    socket->sendTextMessage(text);
                }
            });
            QObject::connect(socket, &QWebSocket::disconnected, socket, [socket] {
                QTextStream(stdout) << "closed " << int(socket->closeCode()) << " " << socket->closeReason() << Qt::endl;
                socket->deleteLater();
            });
        }
    });
    if (!server.listen(QHostAddress(host), port)) {
        QTextStream(stderr) << server.errorString() << Qt::endl;
        return 1;
    }
    return QCoreApplication::exec();
}

static void run(const QString &name, const QString &url, bool talks, const QString &proxy)
{
    QStringList seen;
    QWebSocket socket;
    QEventLoop loop;
    if (!proxy.isEmpty()) {
        const QStringList at = proxy.split(':');
        socket.setProxy(QNetworkProxy(QNetworkProxy::HttpProxy, at[0], at[1].toUShort()));
    }
    QObject::connect(&socket, &QWebSocket::connected, &socket, [&] {
        seen << "open" << (socket.subprotocol().isEmpty() ? QStringLiteral("-") : socket.subprotocol());
        if (!talks)
            return;
        socket.sendTextMessage(QStringLiteral("hello"));
        socket.sendBinaryMessage(QByteArray("\x01\x02\xff", 3));
        socket.sendTextMessage(big);
        socket.setOutgoingFrameSize(5);
        socket.sendTextMessage(QStringLiteral("in pieces"));
        socket.setOutgoingFrameSize(QWebSocket::maxOutgoingFrameSize());
        socket.sendTextMessage(QStringLiteral("last"));
    });
    QObject::connect(&socket, &QWebSocket::textMessageReceived, &socket, [&](QString text) {
        seen << (text == big ? QStringLiteral("big") : "text:" + QString(text).replace(' ', '_'));
        if (text == QLatin1String("last"))
            socket.close(code4001, QStringLiteral("over"));
    });
    QObject::connect(&socket, &QWebSocket::binaryMessageReceived, &socket, [&](const QByteArray &data) {
        seen << QString("binary:%1").arg(data.size());
    });
    QObject::connect(&socket, &QWebSocket::disconnected, &loop, [&] {
        seen << QString("close:%1:%2").arg(int(socket.closeCode())).arg(socket.closeReason());
        loop.quit();
    });
    QObject::connect(&socket, qOverload<QAbstractSocket::SocketError>(&QWebSocket::error), &loop, [&](auto) {
        QTextStream(stderr) << name << ": " << socket.errorString() << Qt::endl;
        if (seen.isEmpty()) // not opened: disconnected does not follow
            loop.quit();
    });
    QTimer::singleShot(20000, &loop, &QEventLoop::quit);
    QWebSocketHandshakeOptions options;
    if (talks)
        options.setSubprotocols({QStringLiteral("superchat"), QStringLiteral("chat")});
    socket.open(QUrl(url), options);
    loop.exec();
    QTextStream(stdout) << name << ": " << seen.join(' ') << Qt::endl;
}

int main(int argc, char **argv)
{
    QCoreApplication app(argc, argv);
    const QStringList args = app.arguments().mid(1);
    if (args.value(0) == "server")
        return serve(args[1], args[2].toUShort());
    run("echo", args[1] + "/echo", true, "");
    run("bye", args[1] + "/bye", false, "");
    run("refused", args[1] + "/refused", false, "");
    run("proxy", args[3] + "/bye", false, args[2]);
    return 0;
}
