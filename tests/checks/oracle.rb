# What Action Mailer's transport (the gem Mail) makes of settings programs: [text, ...] on standard input; [host, port, tls, user, password] or
# null for each. Rails itself is not needed: what the programs ask of it is answered here.
require "json"
require "mail"

# Keeps what is set, under each name; asked for anything else, it is itself.
class Kept < BasicObject
  def initialize(values) = @values = values

  def method_missing(name, *given)
    return @values[name[0..-2].to_sym] = given[0] if name.end_with?("=")
    @values.fetch(name, self)
  end

  def respond_to_missing?(*) = true
end

# What is not in the file: the credentials, and which environment this is not.
class Unknown < BasicObject
  def method_missing(name, *) = name.end_with?("?") ? false : nil
end

def ran(text)
  values = {}
  kept = Kept.new(values)
  application = Object.new
  application.define_singleton_method(:config) { kept }
  application.define_singleton_method(:configure) { |&block| instance_eval(&block) }
  application.define_singleton_method(:credentials) { Unknown.new }
  rails = Module.new
  rails.define_singleton_method(:application) { application }
  rails.define_singleton_method(:env) { Unknown.new }
  place = Module.new
  place.const_set(:Rails, rails)
  place.const_set(:ActionMailer, Module.new.tap { |one| one.const_set(:Base, kept) })
  place.const_set(:Old, Module.new.tap { |one| one.const_set(:Application, application) })
  place.const_set(:ENV, {})
  place.define_singleton_method(:require) { |*| true }
  place.module_eval(text)
  values
end

def way(values)
  return if values.fetch(:delivery_method, :smtp) != :smtp || values[:perform_deliveries] == false
  transport = Mail::SMTP.new(values[:smtp_settings])
  made = transport.send(:build_smtp_session)
  tls = made.tls? ? "implicit" : made.starttls_always? ? "starttls-required" : made.starttls_auto? ? "starttls" : "none"
  settings = transport.settings
  # Net::SMTP signs in if it has a way to.
  login = settings[:authentication] || settings[:user_name] ? settings.values_at(:user_name, :password) : []
  [made.address, Integer(made.port), tls, *[login[0], login[1]].map { |one| one || "" }]
end

answers = JSON.parse($stdin.read).map do |text|
  way(ran(text))
rescue StandardError, SyntaxError
  nil
end
puts JSON.generate(answers)
